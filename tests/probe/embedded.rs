//! A program that embeds the host has to name a prober.

use op_listener_host::config::Config;
use op_listener_host::library::Reason;
use op_listener_host::probe::Prober;
use op_listener_host::{Host, StartError};

use op_listener_tests::host_binary;

use crate::site::Site;

fn config(site: &Site) -> Config {
    Config::read(site.path("op-listener.toml")).unwrap()
}

#[test]
fn without_a_prober_nothing_is_probed() {
    let site = Site::new();
    site.add_good();
    let host = Host::builder().config(config(&site)).build().unwrap();
    assert_eq!(host.listeners().len(), 1);
    assert_eq!(site.trace("good"), [std::process::id()]);
}

#[test]
fn with_one_a_library_is_probed_and_then_loaded() {
    let site = Site::new();
    site.add_good();
    site.add("crash", &["-DACT=crash"]);
    let host = Host::builder().config(config(&site)).prober(host_binary());
    let host = host.build().unwrap();
    assert_eq!(host.listeners().len(), 1);
    let trace = site.trace("good");
    assert_eq!(trace.len(), 2);
    assert!(trace[0] != std::process::id() && trace[1] == std::process::id());
    assert_eq!(site.trace("crash").len(), 1);
}

#[test]
fn a_prober_that_is_none_lets_nothing_be_loaded() {
    let site = Site::new();
    site.add_good();
    for program in ["/bin/true", "/bin/cat", "/no/such/program"] {
        let mut prober = Prober::new(&config(&site), program);
        let refused = prober.probe_file(&site.plugin("good"), false).unwrap_err();
        let Reason::ProbeImpossible(why) = refused.reason() else {
            panic!("{refused}");
        };
        assert!(why.contains(program), "{refused}");
    }
    let mut config = config(&site);
    config.plugins.on_failure = op_listener_host::config::OnFailure::Abort;
    let refused = Host::builder().config(config).prober("/bin/true").build();
    assert!(matches!(refused, Err(StartError::Refused { count: 1, .. })));
    assert!(site.trace("good").is_empty());
}
