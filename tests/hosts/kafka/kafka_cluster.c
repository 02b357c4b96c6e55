/* SPDX-License-Identifier: MIT */
/*
 * kafka_cluster.c - a Kafka cluster for tests: librdkafka's mock cluster, in a process of its own
 *
 * kafka_cluster [TOPIC PARTITIONS]...: prints the addresses of its brokers, and runs until its
 * standard input ends.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>

enum { BROKERS = 3 };

int main(int count, char **arguments) {
    char reason[512];
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();

    rd_kafka_conf_set(configuration, "log_level", "3", NULL, 0); /* no servers: a warning */
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, configuration, reason, sizeof reason);
    rd_kafka_mock_cluster_t *cluster = client ? rd_kafka_mock_cluster_new(client, BROKERS) : NULL;

    if (!cluster) {
        fprintf(stderr, "kafka_cluster: %s\n", reason);
        return 1;
    }
    for (int at = 1; at + 1 < count; at += 2) {
        rd_kafka_mock_topic_create(cluster, arguments[at], atoi(arguments[at + 1]), BROKERS);
    }
    puts(rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (getchar() != EOF) {
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(client);
    return 0;
}
