// Package diagnosis names the root cause. One snapshot of a cluster's objects, events and logs goes in as values; ranked
// chains come out, each from a cause with its evidence to the symptoms people see.
//
// The package is pure: it knows no client, no clock and no file. kube takes the snapshot from a live cluster,
// diagnosis/dump from a folder. A rule is a value in its family's file; Rules lists them all.
package diagnosis
