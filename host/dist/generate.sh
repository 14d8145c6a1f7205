#!/bin/sh
# Makes man/ and completions/ in a directory, with an op-listener that runs on this machine. Where
# the one to be packaged does not, OP_LISTENER names another of the same version.
set -eu

command=${OP_LISTENER:-${1:?usage: generate.sh COMMAND OUTPUT}}
output=${2:?usage: generate.sh COMMAND OUTPUT}

rm -rf "$output/man" "$output/completions"
mkdir -p "$output/completions"
"$command" generate man "$output/man"
"$command" generate completions bash >"$output/completions/op-listener"
"$command" generate completions zsh >"$output/completions/_op-listener"
"$command" generate completions fish >"$output/completions/op-listener.fish"
