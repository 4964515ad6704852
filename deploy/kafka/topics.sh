#!/usr/bin/env bash
# Makes the topics of Evenkeel and gives the rights that it needs; what is there already is brought to what is written here,
# but for its partitions. Can be run again at any time.
#
#   deploy/kafka/topics.sh BOOTSTRAP [PROPERTIES]
#
# Needs the commands of Apache Kafka (kafka-topics.sh, kafka-configs.sh, kafka-acls.sh) in PATH. PROPERTIES is a file of the
# properties by which an administrator reaches the brokers. From the environment:
#   PRINCIPAL    who Evenkeel is to the brokers (User:evenkeel); empty where the cluster has no authorizer
#   SENDER       who the Collector is (User:collector)
#   GROUP        the consumer group, `group` of the configuration (evenkeel)
#   PARTITIONS   of each topic that is read (12): as many instances can share the work
#   REPLICATION  copies of each record (3)
set -euo pipefail

if [[ $# -lt 1 || $# -gt 2 ]]; then
    sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
at=(--bootstrap-server "$1")
[[ -z ${2:-} ]] || at+=(--command-config "$2")
principal=${PRINCIPAL-User:evenkeel} sender=${SENDER-User:collector} group=${GROUP:-evenkeel}
partitions=${PARTITIONS:-12} copies=${REPLICATION:-3}

day=86400000
# Whatever is acknowledged is on two brokers, and only a broker that has it may lead.
common=min.insync.replicas=$((copies / 2 + 1)),unclean.leader.election.enable=false,cleanup.policy=delete

# Topic, partitions, how long records stay. What Evenkeel writes is keyed by service, so the records of one service stay in
# their order; compaction would keep one alert a service, so alerts are not compacted but kept for long.
topics() {
    cat <<TOPICS
otlp_spans       $partitions $((1 * day))
otlp_logs        $partitions $((1 * day))
otlp_metrics     $partitions $((1 * day))
evenkeel.dlq     3 $((14 * day))
evenkeel.events  6 $((7 * day))
evenkeel.alerts  3 $((90 * day))
evenkeel.facts   3 $((90 * day))
TOPICS
}

there=$(kafka-topics.sh "${at[@]}" --list)
while read -r topic count retention_ms; do
    config=$common,retention.ms=$retention_ms
    if grep -qxF "$topic" <<<"$there"; then
        kafka-configs.sh "${at[@]}" --alter --entity-type topics --entity-name "$topic" --add-config "$config" </dev/null
    else
        IFS=, read -ra settings <<<"$config"
        kafka-topics.sh "${at[@]}" --create --topic "$topic" --partitions "$count" --replication-factor "$copies" \
            "${settings[@]/#/--config=}" </dev/null
    fi
done < <(topics)

read_topics=(--topic otlp_spans --topic otlp_logs --topic otlp_metrics)
written_topics=(--topic evenkeel.dlq --topic evenkeel.events --topic evenkeel.alerts --topic evenkeel.facts)
allow() { kafka-acls.sh "${at[@]}" --add --allow-principal "$@" </dev/null; }
if [[ $principal ]]; then
    # READ of a topic or group and WRITE of a topic include DESCRIBE.
    allow "$principal" --operation Read "${read_topics[@]}" --group "$group"
    allow "$principal" --operation Write "${written_topics[@]}"
    # From Kafka 3.0 on WRITE includes it.
    allow "$principal" --operation IdempotentWrite --cluster
fi
[[ -z $sender ]] || allow "$sender" --operation Write "${read_topics[@]}"
