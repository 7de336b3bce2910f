#!/bin/bash
# Starts mongod as a replica set of one, which transactions and change streams need. Members of a set show each other a
# key file that only mongod may read: the mounted secret is copied to where its owner can be mongod's account.
set -euo pipefail

key=/data/configdb/member.key
rm -f "$key"
install -m 400 -o mongodb -g mongodb /run/secrets/mongo_member_key "$key"
exec docker-entrypoint.sh mongod --replSet brain --keyFile "$key" --bind_ip_all "$@"
