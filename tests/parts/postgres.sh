#!/bin/bash
# SPDX-License-Identifier: MIT
# A real PostgreSQL server in the foreground, in a folder of its own (made on the first run): superuser `postgres` and
# database `shop`. Its Unix socket, in FOLDER, trusts everybody; by TCP one needs the password `right-password`.
#
# postgres.sh FOLDER ADDRESS PORT [SETTING=VALUE...]
set -euo pipefail
folder=$1 address=$2 port=$3
shift 3
shopt -s nullglob
for bin in /usr/lib/postgresql/*/bin; do PATH=$bin:$PATH; done

as=()
if ((EUID == 0)); then # it refuses to run as root
        user=nobody
        id postgres >/dev/null 2>&1 && user=postgres
        as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups --inh-caps=-all --pdeathsig QUIT)
        mkdir -p "$folder"
        chown "$user" "$folder"
fi
export HOME=$folder
cd /

if [[ ! -e $folder/data/made ]]; then
        (umask 077 && echo right-password >"$folder/password")
        ((EUID != 0)) || chown "$user" "$folder/password"
        "${as[@]}" initdb --pgdata "$folder/data" --username postgres --pwfile "$folder/password" --no-sync --no-instructions \
                --auth-local trust --auth-host scram-sha-256 --encoding UTF8 --no-locale >"$folder/initdb.log" 2>&1 ||
                { cat "$folder/initdb.log" >&2 && exit 1; }
        echo "CREATE DATABASE shop" |
                "${as[@]}" postgres --single -D "$folder/data" -F postgres >>"$folder/initdb.log" 2>&1
        touch "$folder/data/made"
        rm "$folder/password"
fi

settings=()
for setting in fsync=off full_page_writes=off autovacuum=off shared_buffers=8MB "unix_socket_directories=$folder" \
        "listen_addresses=$address" "port=$port" log_min_messages=panic "$@"; do
        settings+=(-c "$setting")
done
exec "${as[@]}" postgres -D "$folder/data" "${settings[@]}"
