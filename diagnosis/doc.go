// Package diagnosis names the root cause. One snapshot of a cluster's objects, events and logs goes in as a value; ranked
// chains come out, each from a cause with its evidence to the symptoms that people see.
//
// The package is pure: it knows no client, no clock and no file. kube takes the snapshot from a live cluster, diagnosis/dump from a
// folder. What a snapshot holds is in diagnosis/facts, what is wrong with it in diagnosis/rules; here findings become an answer.
package diagnosis
