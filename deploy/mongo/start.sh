#!/bin/bash
# Starts mongod as a replica set of one, which transactions and change streams need. Members of a set show each other a
# key file that only mongod may read; it is written here from the environment, so that no secret lies in the checkout.
set -euo pipefail

key=/data/configdb/member.key
rm -f "$key"
install -m 400 -o mongodb -g mongodb <(printf '%s' "$MONGO_MEMBER_KEY") "$key"
unset MONGO_MEMBER_KEY
exec docker-entrypoint.sh mongod --replSet brain --keyFile "$key" --bind_ip_all "$@"
