//! What listeners do when the process has no file descriptor left: the one shortage that a check can
//! bring about, and one in which files that were always there cannot be opened.

pub(super) use platform::none_left;

#[cfg(unix)]
mod platform {
    use rustix::process::{Resource, getrlimit, setrlimit};

    use super::super::super::bench::{Bench, Heard, Live, hear};
    use super::super::super::outcome::{Findings, Outcome, Verdict};
    use super::super::super::sample::Sample;
    use crate::ffi::raw::Made;

    pub(in super::super) fn none_left(bench: &Bench<'_>) -> Verdict {
        let library = bench.start()?;
        let exported = library.exported();
        let config = library.config();
        let before = getrlimit(Resource::Nofile);
        let mut few = before;
        few.current = Some(0);
        let limit = |limit| {
            setrlimit(Resource::Nofile, limit)
                .map_err(|error| Outcome::skipped(format!("the limit cannot be set: {error}")))
        };
        let mut findings = Findings::default();
        // Instances made before take events without …
        let all = library.instances()?;
        limit(few)?;
        for live in &all {
            if live.instance.is_enabled().1 == 0 {
                continue;
            }
            let sample = Sample::ordinary(live.spi);
            if let Heard::Bad(why) = hear(&live.instance.on_event(&sample.event())) {
                findings.fail(format!("without descriptors: {} {why}", live.spi));
            }
        }
        limit(before)?;
        all.into_iter().for_each(Live::end);
        // … and none can be made.
        limit(few)?;
        for of in exported {
            match library.init(&of, "check", &config) {
                Made::Instance(instance) => {
                    instance.shutdown();
                    instance.release();
                }
                Made::Nothing => findings.fail("`init` says that all is well but sets no object"),
                Made::Not(answer) => {
                    if let Heard::Bad(why) = hear(&answer) {
                        findings.fail(format!("without descriptors: `init` for {} {why}", of.spi));
                    }
                }
            }
        }
        limit(before)?;
        Ok(findings.or(Outcome::success()))
    }
}

#[cfg(not(unix))]
mod platform {
    use super::super::super::bench::Bench;
    use super::super::super::outcome::{Outcome, Verdict};

    pub(in super::super) fn none_left(_: &Bench<'_>) -> Verdict {
        Err(Outcome::skipped("this system has no limit to set"))
    }
}
