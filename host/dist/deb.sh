#!/bin/sh
# Makes the Debian package of what was built:
#
#   cargo build --release --locked
#   host/dist/deb.sh OUTPUT.deb
#
# PROFILE is the profile that it was built in (default: release), CARGO_TARGET_DIR the target
# directory. Needs cargo-deb (`cargo install cargo-deb`) and Debian's dpkg-dev.
set -eu

output=${1:?usage: deb.sh OUTPUT.deb}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
profile=${PROFILE:-release}
case $profile in
dev) folder=debug ;;
*) folder=$profile ;;
esac

built=${CARGO_TARGET_DIR:-$root/target}/$folder
"$here/generate.sh" "$built/op-listener" "$built/dist"
gzip -9n "$built"/dist/man/*
exec cargo deb --manifest-path "$root/host/Cargo.toml" --locked --no-build --profile "$profile" \
    --output "$output"
