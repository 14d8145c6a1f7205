#!/usr/bin/env bash
# All tests of the project: formatting, lints, documentation, unit and end-to-end tests, and the
# lists that dependencies are held to. What is missing is installed below target/.
set -euo pipefail
cd "$(dirname "$0")/.."

# Also what listeners and tools built by the tests use.
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
tools=$PWD/target/tools
deny_version=0.20.2
deb_version=3.8.0

say() { printf '\n== %s\n' "$*"; }

say "formatting"
cargo fmt --all -- --check
# What the tests build lies in no workspace of the project, or in one of its own.
cargo fmt --manifest-path tests/fixtures/Cargo.toml --all -- --check
rustfmt --edition 2024 --check tests/outsider/src/lib.rs

say "lints"
cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

# As an embedder may choose.
for features in "" server delivery; do
    cargo clippy -p op-listener-host --no-default-features --features "$features" --locked -- -D warnings
done

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --locked

say "tests"
# Packages are made with it. Without its own compressors: those of the system are there.
if ! "$tools/bin/cargo-deb" --version 2>/dev/null | grep -qx "$deb_version"; then
    cargo install cargo-deb --version "=$deb_version" --locked --no-default-features --root "$tools"
fi
# Tests kill processes and wait for clocks on machines that do other things as well. All run, whatever
# fails; the one or two programs in which something did run once more, alone, and are named at the end
# if that went well: such a test wants mending.
mkdir -p target
log=target/tests.log
again=()
cargo test --workspace --all-features --locked --no-fail-fast 2>&1 | tee "$log" || {
    mapfile -t again < <(sed -n 's/^    `-p [^ ]* \(--[^`]*\)`$/\1/p' "$log")
    if [ ${#again[@]} -eq 0 ] || [ ${#again[@]} -gt 2 ]; then
        exit 1
    fi
    for program in "${again[@]}"; do
        say "once more: $program"
        read -ra which <<<"$program"
        cargo test --workspace --all-features --locked "${which[@]}"
    done
}

say "dependencies"
export PATH=$tools/bin:$PATH
if ! cargo deny --version 2>/dev/null | grep -qx "cargo-deny $deny_version"; then
    cargo install cargo-deny --version "=$deny_version" --locked --root "$tools"
fi
cargo deny check bans licenses sources

for program in "${again[@]}"; do
    say "failed the first time, and passed the second: $program"
done
say "all passed"
