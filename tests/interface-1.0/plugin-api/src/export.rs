//! `export!`: makes a library of a crate's listeners.

/// Exports listeners, so that a host finds them in the library: one line per crate.
///
/// ```
/// # use op_listener_api::*;
/// # struct SignInListener;
/// # impl Lifecycle for SignInListener {
/// #     fn init(_: &InitContext) -> Result<Self, Error> { Ok(Self) }
/// # }
/// # impl IdTokenIssueEventListener for SignInListener {
/// #     fn id_token_issued(&self, _: &IdTokenIssueEvent, _: &EventContext) -> Result<(), Error> { Ok(()) }
/// # }
/// op_listener_api::export!(IdTokenIssueEventListener for SignInListener);
/// # fn main() {}
/// ```
///
/// Several listeners, of one type or of many, are separated by commas; the host calls them in this
/// order. A type that is exported for two SPIs has two instances, each with an `init` of its own.
///
/// The plugin's id is the package's name without the prefix `op-listener-`, its version, vendor
/// and licence are the package's. Settings before a semicolon change that:
///
/// | setting | default | meaning |
/// | --- | --- | --- |
/// | `id = "…"` | from the package's name | the id that operators write into their configuration |
/// | `vendor = "…"` | the package's authors | who makes it |
/// | `interface = "1.0"` | the lowest that this crate needs | the lowest interface version that a host must serve |
///
/// ```
/// # use op_listener_api::*;
/// # struct Meter;
/// # impl Lifecycle for Meter {
/// #     fn init(_: &InitContext) -> Result<Self, Error> { Ok(Self) }
/// # }
/// # impl IdTokenIssueEventListener for Meter {
/// #     fn id_token_issued(&self, _: &IdTokenIssueEvent, _: &EventContext) -> Result<(), Error> { Ok(()) }
/// # }
/// # impl AccessTokenIssueEventListener for Meter {
/// #     fn access_token_issued(&self, _: &AccessTokenIssueEvent, _: &EventContext) -> Result<(), Error> { Ok(()) }
/// # }
/// op_listener_api::export! {
///     id = "usage-meter", vendor = "example.com";
///     IdTokenIssueEventListener for Meter,
///     AccessTokenIssueEventListener for Meter,
/// }
/// # fn main() {}
/// ```
///
/// SPIs are written by their bare names. Types may be written as any path, with type arguments;
/// what is written becomes the `class` that `op-listener list` shows, made absolute for paths that
/// begin with `crate`, `self` or `super` and for types of the module in which `export!` stands. So
/// a type that was brought in with `use` is best written with its full path: `crate::sinks::Meter`.
///
/// The crate must be a `cdylib` (`[lib] crate-type = ["cdylib"]`) and must unwind on panic, which
/// is the default: a host refuses a library built with `panic = "abort"`. There is one `export!`
/// in a crate; a second one is a "symbol is already defined" error.
#[macro_export]
macro_rules! export {
    ($($spi:ident for $listener:ty),+ $(,)?) => {
        $crate::__export! { ; $($spi for $listener),+ }
    };
    ($($setting:ident = $value:expr),+ $(,)? ; $($spi:ident for $listener:ty),+ $(,)?) => {
        $crate::__export! { $($setting = $value),+ ; $($spi for $listener),+ }
    };
    ($($other:tt)*) => {
        ::core::compile_error!(
            "`export!` takes `Spi for Type`, separated by commas, where `Spi` is the bare name of \
             an SPI trait; settings such as `id = \"…\"` stand before them and end with a semicolon"
        );
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($($setting:ident = $value:expr),* ; $($spi:ident for $listener:ty),+) => {
        const _: () = {
            #[allow(unused_mut, reason = "where there is no setting to make")]
            const METADATA: $crate::__private::Metadata = {
                let mut metadata = $crate::__private::Metadata {
                    id: $crate::__private::plugin_id(::core::env!("CARGO_PKG_NAME")),
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    vendor: ::core::env!("CARGO_PKG_AUTHORS"),
                    license: ::core::env!("CARGO_PKG_LICENSE"),
                    interface: $crate::__private::LOWEST_INTERFACE,
                    unwinds: ::core::cfg!(panic = "unwind"),
                    crate_name: ::core::env!("CARGO_CRATE_NAME"),
                    module: ::core::module_path!(),
                    listeners: &[$((
                        $crate::__spi_name!($spi),
                        ::core::stringify!($listener),
                    )),+],
                };
                $($crate::__setting!(metadata, $setting, $value);)*
                metadata.checked()
            };

            #[used]
            #[cfg_attr(windows, unsafe(link_section = ".oplstnr"))]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__op_listener"))]
            #[cfg_attr(
                not(any(windows, target_vendor = "apple")),
                unsafe(link_section = ".op_listener")
            )]
            static SECTION: [u8; METADATA.length()] = METADATA.render();

            struct Library;

            impl $crate::__private::Library for Library {
                #[allow(unreachable_code, reason = "where an SPI is none, which is an error anyway")]
                const LISTENERS: &'static [$crate::__private::ListenerRef] =
                    &[$($crate::__listener!($spi, $listener)),+];
            }

            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            pub static HEADER: $crate::__private::LibHeader =
                $crate::__private::header::<Library>();
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __setting {
    ($metadata:ident, id, $value:expr) => {
        $metadata.id = $value;
    };
    ($metadata:ident, vendor, $value:expr) => {
        $metadata.vendor = $value;
    };
    ($metadata:ident, interface, $value:expr) => {
        $metadata.interface = $value;
    };
    ($metadata:ident, $other:ident, $value:expr) => {
        ::core::compile_error!(::core::concat!(
            "`",
            ::core::stringify!($other),
            "` is no setting of `export!`: there are `id`, `vendor` and `interface`"
        ));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __spi_name {
    (IdTokenIssueEventListener) => {
        "id_token_issue"
    };
    (AccessTokenIssueEventListener) => {
        "access_token_issue"
    };
    (SubjectAuthAndConsentEventListener) => {
        "subject_auth_and_consent"
    };
    ($other:ident) => {
        ::core::compile_error!(::core::concat!(
            "`",
            ::core::stringify!($other),
            "` is no SPI: there are `IdTokenIssueEventListener`, `AccessTokenIssueEventListener` \
             and `SubjectAuthAndConsentEventListener`"
        ))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __listener {
    (IdTokenIssueEventListener, $listener:ty) => {
        $crate::__private::id_token_issue::<$listener>()
    };
    (AccessTokenIssueEventListener, $listener:ty) => {
        $crate::__private::access_token_issue::<$listener>()
    };
    (SubjectAuthAndConsentEventListener, $listener:ty) => {
        $crate::__private::subject_auth_and_consent::<$listener>()
    };
    ($other:ident, $listener:ty) => {
        ::core::unreachable!()
    };
}
