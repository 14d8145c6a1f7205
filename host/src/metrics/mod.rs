//! What the host counts, as OpenMetrics 1.0 text for Prometheus and whatever else reads it.
//!
//! Nothing is counted here: each [`Source`] tells what it counts anyway, at the moment of asking.
//! [`families`] is the one table of what there is, and `host/METRICS.md` is made from it. Labels
//! have values from the configuration, from plugins that were loaded and from tables in the code
//! alone, never from an event or a request: so there are as many series as an operator has
//! allowed, whatever is sent. Serving the text is left to the caller.
//!
//! ```no_run
//! use op_listener_host::config::Config;
//! use op_listener_host::feed::Feed;
//! use op_listener_host::{Host, metrics};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::default();
//! let feed = Feed::new(&config)?;
//! let host = Host::builder().config(config).build()?;
//! let text = metrics::exposition(&[&host, &feed]);
//! assert!(text.ends_with("# EOF\n"));
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "delivery")]
mod delivery;
pub mod families;
mod intake;
mod listeners;
mod log;
mod page;
mod process;

pub use families::{Kind, Metric};
pub use page::{Buckets, Page, Value};

/// The media type of [`exposition`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What has something to tell.
pub trait Source {
    /// Tells it, under families of [`families`]. Called at each exposition, from any thread; should
    /// take no lock that an event waits for.
    fn tell(&self, page: &mut Page);
}

/// All that the sources tell, and what is to be told of the process itself: its log, its resources,
/// and which host it is.
pub fn exposition(sources: &[&dyn Source]) -> String {
    let mut page = Page::default();
    process::tell(&mut page);
    log::tell(&mut page);
    for source in sources {
        source.tell(&mut page);
    }
    page.into_text()
}
