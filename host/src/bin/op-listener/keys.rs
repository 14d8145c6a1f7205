//! `op-listener keys`: signing keys.

use std::path::PathBuf;

use op_listener_host::config::Config;
use op_listener_host::signing::{Algorithm, RsaSize, generate, public_jwk_set};

use crate::exit::Exit;

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Make a new key and write it as a private JWK set
    Generate(Generate),
    /// Print the public JWK set of the signing keys, for whoever verifies what listeners sign
    Jwks(Jwks),
}

#[derive(clap::Args)]
pub(crate) struct Generate {
    /// What it signs with: RS256, PS256, ES256 or `EdDSA`
    #[arg(long, value_name = "NAME", default_value_t)]
    algorithm: Algorithm,
    /// The size of an RSA key in bits: 2048, 3072 or 4096 [default: 2048]
    #[arg(long, value_name = "BITS")]
    size: Option<RsaSize>,
    /// A new file, readable by its owner alone, in place of standard output; an existing one is
    /// never overwritten
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(clap::Args)]
pub(crate) struct Jwks {
    /// The file with the keys, a JWK set or PEM
    #[arg(value_name = "KEYS", required_unless_present = "config")]
    keys: Option<PathBuf>,
    /// The configuration file that names the keys
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    config: Option<PathBuf>,
    /// What a PEM key signs with [default: RS256, or that of the configuration]
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    algorithm: Option<Algorithm>,
}

pub(crate) fn keys(command: Command) -> Exit {
    match command {
        Command::Generate(arguments) => make(&arguments),
        Command::Jwks(arguments) => jwks(arguments),
    }
}

fn make(arguments: &Generate) -> Exit {
    let set = match generate(arguments.algorithm, arguments.size) {
        Ok(set) => set,
        Err(error) => return Exit::Usage.because(error),
    };
    match &arguments.out {
        None => exit_after_printing(set.as_private_json()),
        Some(file) => match set.write_new(file) {
            Ok(()) => {
                crate::exit::tell(format_args!("wrote key {} to {file:?}", set.kid()));
                Exit::Well
            }
            Err(error) => Exit::Usage.because(error),
        },
    }
}

fn jwks(arguments: Jwks) -> Exit {
    let (keys, algorithm) = match (arguments.keys, arguments.config) {
        (Some(keys), _) => (keys, arguments.algorithm.unwrap_or_default()),
        (None, Some(file)) => match Config::read(&file) {
            Err(errors) => return Exit::Usage.because(errors),
            Ok(config) => match config.signing.keys {
                Some(keys) => (keys, config.signing.algorithm),
                None => {
                    return Exit::Usage.because(format_args!(
                        "{file:?} names no signing keys: set `keys` under `[signing]`"
                    ));
                }
            },
        },
        (None, None) => unreachable!("the command line demands one of the two"),
    };
    match public_jwk_set(keys, algorithm) {
        Ok(set) => exit_after_printing(&set),
        Err(error) => Exit::Usage.because(error),
    }
}

fn exit_after_printing(result: &str) -> Exit {
    crate::exit::print(format_args!("{}\n", result.trim_end()))
}
