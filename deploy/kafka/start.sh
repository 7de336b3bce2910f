#!/bin/sh
# Kafka, one node that is broker and controller; passwords come from files, so that none shows in a process list.
set -eu
cd "${KAFKA_HOME:-/opt/kafka}"
config=${KAFKA_CONFIG:-/tmp/server.properties}
brain=$(cat "${BRAIN_SECRETS:-/run/secrets}/kafka_brain_password")
producer=$(cat "${BRAIN_SECRETS:-/run/secrets}/kafka_producer_password")
module=org.apache.kafka.common.security.plain.PlainLoginModule
login="$module required username=\"brain\" password=\"$brain\" user_brain=\"$brain\" user_producer=\"$producer\";"
umask 077
cat > "$config" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listeners=INTERNAL://:19092,EXTERNAL://:9092,CONTROLLER://localhost:9093
advertised.listeners=INTERNAL://kafka:19092,EXTERNAL://$KAFKA_ADDRESS
listener.security.protocol.map=INTERNAL:SASL_PLAINTEXT,EXTERNAL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.internal.plain.sasl.jaas.config=$login
listener.name.external.plain.sasl.jaas.config=$login
log.dirs=/var/lib/kafka/data
log.retention.hours=336
num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
END
bin/kafka-storage.sh format --ignore-formatted --cluster-id 5L6g3nShT-eMCtK--X86sw --config "$config" >&2
exec bin/kafka-server-start.sh "$config"
