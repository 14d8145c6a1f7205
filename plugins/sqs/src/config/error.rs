//! Why a configuration cannot be used although each of its values can be read.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConfigError {
    /// Neither `queue_url` nor `queue_name`.
    NoQueue,
    /// Two keys of which one excludes the other.
    Both(&'static str, &'static str),
    /// A key that has no effect: the key, and with what it would.
    NoEffect(&'static str, &'static str),
    /// A value that is empty: the key.
    Empty(&'static str),
    /// Something that is no URL of `http` or `https`: the key, and why.
    Url(&'static str, String),
    /// A queue URL without the account and the name of a queue.
    NotOfQueue,
    /// What cannot be the name of a queue.
    QueueName(String),
    /// What cannot be an account's id.
    Owner(String),
    /// What cannot be a region's name.
    Region(String),
    /// A queue URL of one region beside another `region`.
    Regions { url: String, region: String },
    /// Neither of two keys in `credentials`.
    NoKey(&'static str, &'static str),
    /// What cannot be a role's ARN.
    Role(String),
    /// A number out of its bounds: the key, the least and the most.
    Bounds(&'static str, u64, u64),
    /// A member of the body that is named twice: the name, and the keys.
    Twice(String, &'static str, &'static str),
    /// A member that bodies of this shape have of their own: the key and the name.
    Reserved(&'static str, String),
    /// No name for an extension attribute of CloudEvents: the key and the name.
    ExtensionName(&'static str, String),
    /// No value for an extension attribute of CloudEvents: the key and the name.
    ExtensionValue(String),
    /// A variable that is not set: the key, the member, and the variable.
    Unset(&'static str, String),
    /// A claim or an attribute that is listed twice: the key and the name.
    ListedTwice(&'static str, String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQueue => f.write_str(
                "it is enabled, but no queue is named: set `queue_url` or `queue_name`, or leave \
                 `enable` out",
            ),
            Self::Both(one, other) => {
                write!(
                    f,
                    "`{one}` and `{other}` exclude each other: leave out one of them"
                )
            }
            Self::NoEffect(key, with) => {
                write!(
                    f,
                    "`{key}` has no effect without {with}: set that, or leave `{key}` out"
                )
            }
            Self::Empty(key) => write!(f, "`{key}` is empty: give a value, or leave it out"),
            Self::Url(key, why) => write!(
                f,
                "`{key}` is {why}: expected an absolute URL of http or https, such as \
                 \"https://sqs.eu-central-1.amazonaws.com\""
            ),
            Self::NotOfQueue => f.write_str(
                "`queue_url` names no queue: expected such as \
                 \"https://sqs.eu-central-1.amazonaws.com/123456789012/events\"",
            ),
            Self::QueueName(name) => write!(
                f,
                "`queue_name`: {name:?} is no name of a queue: expected 1 to 80 of A-Z a-z 0-9 - _, \
                 for a FIFO queue with .fifo at the end"
            ),
            Self::Owner(owner) => write!(
                f,
                "`queue_owner`: {owner:?} is no account's id: expected 12 digits, in quotes"
            ),
            Self::Region(region) => write!(
                f,
                "`region`: {region:?} is no name of a region: expected such as \"eu-central-1\""
            ),
            Self::Regions { url, region } => write!(
                f,
                "`region` is {region:?}, but `queue_url` is of {url:?}: correct one of them"
            ),
            Self::NoKey(file, variable) => write!(
                f,
                "`credentials` has neither `{file}` nor `{variable}`: set one of them, or leave \
                 `credentials` out to have them looked for where AWS keeps them"
            ),
            Self::Role(arn) => write!(
                f,
                "`assume_role.role_arn`: {arn:?} is no role: expected such as \
                 \"arn:aws:iam::123456789012:role/publisher\""
            ),
            Self::Bounds(key, least, most) => {
                write!(
                    f,
                    "`{key}` is out of its bounds: expected {least} to {most} seconds"
                )
            }
            Self::Twice(name, one, other) => write!(
                f,
                "the member {name:?} stands in `{one}` and in `{other}`: rename one of them"
            ),
            Self::Reserved(key, name) => write!(
                f,
                "`{key}.{name}`: bodies of this kind have a member {name:?} of their own: rename it"
            ),
            Self::ExtensionName(key, name) => write!(
                f,
                "`{key}`: {name:?} is no name for an extension attribute of a CloudEvent: expected 1 \
                 to 20 lower-case letters and digits"
            ),
            Self::ExtensionValue(name) => write!(
                f,
                "`constants.{name}`: an extension attribute of a CloudEvent is a string, a boolean, \
                 or a whole number of up to 32 bits"
            ),
            Self::Unset(key, variable) => write!(
                f,
                "`{key}`: the environment variable {variable} is not set, or not text: set it, or \
                 leave it out here"
            ),
            Self::ListedTwice(key, name) => {
                write!(f, "`{key}` lists {name:?} twice: once is enough")
            }
        }
    }
}

impl std::error::Error for ConfigError {}
