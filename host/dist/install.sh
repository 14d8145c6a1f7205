#!/bin/sh
# Lays out what was built as it is to be installed, for packages of whatever kind:
#
#   cargo build --release --locked
#   host/dist/install.sh DESTDIR
#
# TARGET is the directory with the built files (default: target/release). The Debian package is
# made of the same files, see deb.sh.
set -eu

destdir=${1:?usage: install.sh DESTDIR}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
target=${TARGET:-$root/target/release}
umask 022

put() { # MODE FILE PLACE
    install -D -m "$1" "$2" "$destdir/$3"
}

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
"$here/generate.sh" "$target/op-listener" "$made"
put 755 "$target/op-listener" usr/bin/op-listener
put 755 "$target/op-listener-audit-verify" usr/bin/op-listener-audit-verify
for plugin in audit_log set_push sqs; do
    library=libop_listener_$plugin.so
    put 644 "$target/$library" "usr/lib/op-listener/plugins/$library"
done
put 644 "$here/config.toml" etc/op-listener/config.toml
put 644 "$here/op-listener.service" usr/lib/systemd/system/op-listener.service
put 644 "$here/op-listener.sysusers" usr/lib/sysusers.d/op-listener.conf
for page in "$made"/man/*; do
    put 644 "$page" "usr/share/man/man${page##*.}/$(basename "$page")"
done
put 644 "$made/completions/op-listener" usr/share/bash-completion/completions/op-listener
put 644 "$made/completions/_op-listener" usr/share/zsh/vendor-completions/_op-listener
put 644 "$made/completions/op-listener.fish" usr/share/fish/vendor_completions.d/op-listener.fish
doc=usr/share/doc/op-listener
put 644 "$root/README.md" $doc/README.md
put 644 "$root/CHANGELOG.md" $doc/CHANGELOG.md
put 644 "$root/host/EVENTS.md" $doc/EVENTS.md
put 644 "$root/host/LOG-CODES.md" $doc/LOG-CODES.md
put 644 "$root/host/METRICS.md" $doc/METRICS.md
put 644 "$root/host/CHECKS.md" $doc/CHECKS.md
put 644 "$root/host/DELIVERY.md" $doc/DELIVERY.md
put 644 "$root/host/FLOW.md" $doc/FLOW.md
put 644 "$root/host/HTTP.md" $doc/HTTP.md
for plugin in audit-log set-push sqs; do
    put 644 "$root/plugins/$plugin/README.md" "$doc/$plugin.md"
done
put 644 "$here/debian/copyright" $doc/copyright
put 644 "$here/grafana/op-listener.json" $doc/grafana/op-listener.json
put 644 "$here/prometheus/op-listener.rules.yml" $doc/prometheus/op-listener.rules.yml
