//! The checks themselves, a file for each section of the catalogue or part of one. Each is a
//! function from the bench to a verdict; nothing here knows of processes or reports.

mod descriptors;
mod ends;
mod events;
mod file;
mod hardening;
mod init;
mod load;
mod log;
mod memory;
mod start;
mod symbols;
mod threads;
mod time;
mod traces;

use super::Check;
use super::bench::Bench;
use super::outcome::Outcome;

/// Makes a check, in this process.
pub(super) fn make(check: Check, bench: &Bench<'_>) -> Outcome {
    let verdict = match check {
        Check::LibraryFormat => file::library_format(bench),
        Check::Metadata => file::metadata(bench),
        Check::InterfaceMinimum => file::interface_minimum(bench),
        Check::PanicStrategy => file::panic_strategy(bench),
        Check::Version => file::version(bench),
        Check::Licence => file::licence(bench),
        Check::Vendor => file::vendor(bench),
        Check::DebugInfo => file::debug_info(bench),
        Check::Size => file::size(bench),
        Check::ExportedSymbols => symbols::exported(bench),
        Check::NeededLibraries => symbols::needed_libraries(bench),
        Check::UndefinedSymbols => symbols::undefined(bench),
        Check::InterposedSymbols => symbols::interposed(bench),
        Check::SearchPath => hardening::search_path(bench),
        Check::ExecutableStack => hardening::executable_stack(bench),
        Check::WritableCode => hardening::writable_code(bench),
        Check::StaticTls => hardening::static_tls(bench),
        Check::Loads => load::loads(bench),
        Check::Layout => load::layout(bench),
        Check::Exports => load::exports(bench),
        Check::ClassNames => load::class_names(bench),
        Check::LoadTime => load::load_time(bench),
        Check::QuietLoad => load::quiet(bench),
        Check::LoadsTwice => load::twice(bench),
        Check::Starts => start::starts(bench),
        Check::UnknownRequest => start::unknown_request(bench),
        Check::PanicGuard => start::panic_guard(bench),
        Check::Init => init::init(bench),
        Check::InitEmptyConfig => init::empty_config(bench),
        Check::InitMissingValues => init::missing_values(bench),
        Check::InitWrongTypes => init::wrong_types(bench),
        Check::InitOddValues => init::odd_values(bench),
        Check::InitUnknownKeys => init::unknown_keys(bench),
        Check::InitDataDir => init::data_dir(bench),
        Check::InitAsProbe => init::as_probe(bench),
        Check::TwoInstances => init::two_instances(bench),
        Check::EnabledIsStable => init::enabled_is_stable(bench),
        Check::OrdinaryEvents => events::ordinary(bench),
        Check::MinimalEvents => events::minimal(bench),
        Check::UnicodeClaims => events::unicode(bench),
        Check::EmptyClaims => events::empty(bench),
        Check::LongValues => events::long_values(bench),
        Check::LargeClaims => events::large(bench),
        Check::HugeNumbers => events::huge_numbers(bench),
        Check::DeepClaims => events::deep(bench),
        Check::WrongClaimTypes => events::wrong_types(bench),
        Check::OddJson => events::odd_json(bench),
        Check::UnknownMembers => events::unknown_members(bench),
        Check::NewerSchema => events::newer_schema(bench),
        Check::UnknownEventKind => events::unknown_kind(bench),
        Check::ExtremeFields => events::extreme_fields(bench),
        Check::SigningRefused => events::signing_refused(bench),
        Check::NoDescriptors => descriptors::none_left(bench),
        Check::EightThreads => threads::eight(bench),
        Check::EndingThreads => threads::ending(bench),
        Check::TimePerCall => time::per_call(bench),
        Check::EventMemory => memory::of_events(bench),
        Check::InstanceMemory => memory::of_instances(bench),
        Check::Shutdown => ends::shutdown(bench),
        Check::ShutdownTwice => ends::shutdown_twice(bench),
        Check::EventsAfterShutdown => ends::events_after(bench),
        Check::SilentAfterShutdown => ends::silent_after(bench),
        Check::ThreadsLeft => ends::threads_left(bench),
        Check::DescriptorsLeft => ends::descriptors_left(bench),
        Check::ProcessesLeft => ends::processes_left(bench),
        Check::WritesOutside => traces::writes_outside(bench),
        Check::ProcessState => traces::process_state(bench),
        Check::StandardStreams => traces::standard_streams(bench),
        Check::LogRecords => log::records(bench),
        Check::LogVolume => log::volume(bench),
        Check::ClaimsInLog => log::claims(bench),
    };
    verdict.unwrap_or_else(|early| early)
}
