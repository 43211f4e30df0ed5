package facts_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

func TestTheShortOfALineKeepsWhatDecides(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line, want string
		limit      int
	}{
		"Redis' own prefix": {
			"5832:C 18 Nov 2026 14:19:42.431 # Write error saving DB on disk(rdbSaveRio): No space left on device",
			"Write error saving DB on disk(rdbSaveRio): No space left on device", 100,
		},
		"the first sentence of an answer that goes on": {
			"POST /login 500 Error: ReplyError: MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " +
				"Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB " +
				"snapshotting fails (stop-writes-on-bgsave-error option).",
			"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk", 100,
		},
		"the address that was called and the reason": {
			"2026-11-18T14:08:00.123Z ERROR checkout: POST http://payment-api.payments.svc.cluster.local:8080/charge failed: read tcp " +
				"10.244.2.61:43218->10.0.41.9:8080: read: connection reset by peer",
			"POST http://payment-api.payments.svc.cluster.local:8080/charge failed: connection reset by peer", 100,
		},
		"a consumer's clients in brackets, its class and its level behind": {
			"2026-11-18 14:19:57.123 - [Consumer clientId=consumer-fraud-detection-1, groupId=fraud-detection] Group coordinator lookup failed: " +
				"The coordinator is not available. (org.apache.kafka.clients.consumer.internals.ConsumerCoordinator) level=WARN",
			"Group coordinator lookup failed: The coordinator is not available.", 100,
		},
		"C++ with the place in the program": {
			"[2026-Nov-18 14:19:57.123456] <error>: (PostStorageHandler.h:128:StorePost) Failed to insert post to MongoDB: No suitable servers " +
				"found: `serverSelectionTimeoutMS` expired: [not primary, no replica set members available]",
			"`serverSelectionTimeoutMS` expired: [not primary, no replica set members available]", 100,
		},
		".NET with a manual": {
			"Unhandled exception. Azure.Identity.CredentialUnavailableException: WorkloadIdentityCredential authentication unavailable. The " +
				"workload options are not fully configured. See the troubleshooting guide for more information. " +
				"https://aka.ms/azsdk/net/identity/workloadidentitycredential/troubleshoot",
			"CredentialUnavailableException: WorkloadIdentityCredential authentication unavailable. The workload options are not fully " +
				"configured.", 140,
		},
		"Spring": {
			"2026-11-07 13:12:04.764 ERROR 1 --- [nio-8080-exec-1] o.h.engine.jdbc.spi.SqlExceptionHelper   : The MySQL server is running with " +
				"the --super-read-only option so it cannot execute this statement",
			"The MySQL server is running with the --super-read-only option so it cannot execute this statement", 120,
		},
		"what it was caused by": {
			"org.springframework.dao.DataAccessResourceFailureException: Unable to acquire JDBC Connection; nested exception is " +
				"org.hibernate.exception.JDBCConnectionException: Unable to acquire JDBC Connection; nested exception is " +
				"java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms.",
			"HikariPool-1 - Connection is not available, request timed out after 30000ms.", 80,
		},
		"gRPC inside of gRPC": {
			"rpc error: code = Internal desc = failed to charge card: could not charge the card: rpc error: code = Unavailable desc = connection " +
				"error: desc = \"transport: Error while dialing: dial tcp 10.0.3.4:50051: connect: connection refused\"",
			"Error while dialing: dial tcp 10.0.3.4:50051: connect: connection refused\"", 80,
		},
		"a code, and in brackets what it means": {
			"[2026-11-18 14:19:57,123] INFO [QuorumController id=1] CreateTopics result(s): CreatableTopic(name='__consumer_offsets', " +
				"numPartitions=50): INVALID_REPLICATION_FACTOR (Unable to replicate the partition 3 time(s): The target replication factor of 3 " +
				"cannot be reached because only 1 broker(s) are registered.) (org.apache.kafka.controller.ReplicationControlManager)",
			"The target replication factor of 3 cannot be reached because only 1 broker(s) are registered", 107,
		},
		"PostgreSQL": {
			"2026-11-18 14:19:57.123 UTC [4711] FATAL:  the database system is in recovery mode",
			"the database system is in recovery mode", 80,
		},
		"a short line stays": {"disk full", "disk full", 80},
		"a word is not cut": {
			strings.Repeat("alpha beta ", 12) + "because gamma.delta.example:8080 answered \"quota-exceeded\"",
			"alpha beta alpha beta alpha … gamma.delta.example:8080 answered \"quota-exceeded\"", 84,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := facts.Short(test.line, test.limit)
			require.Equal(t, strings.TrimRight(test.want, "."), strings.TrimRight(got, "."))
		})
	}
}

func TestTheShortOfALineIsPartOfItAndFits(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{
		"ERROR", "[main]", "2026-11-18T14:19:57Z", "error:", "java.io.IOException:", "Caused by:", "no space left on device",
		". The disk is full",
		"(a.b.C)", "http://x.y:80/z", ": ", "é", "---> ", "\"name\"", "  ", "{\"a\":1}", "level=warn", strings.Repeat("long", 30),
	})
	rapid.Check(t, func(t *rapid.T) {
		line := strings.Join(rapid.SliceOfN(piece, 0, 20).Draw(t, "pieces"), " ")
		limit := rapid.IntRange(20, 200).Draw(t, "limit")
		got := facts.Short(line, limit)
		require.LessOrEqual(t, utf8.RuneCountInString(got), limit)
		require.True(t, utf8.ValidString(got))
		for word := range strings.FieldsSeq(got) {
			require.True(t, word == "…" || strings.Contains(line, strings.TrimRight(word, ":")), "%q is made up", word)
		}
	})
}
