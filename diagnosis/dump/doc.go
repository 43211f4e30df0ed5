// Package dump reads what kubectl wrote to a folder and turns it into a snapshot: “kubectl cluster-info dump -o yaml
// --output-directory”, lists of “kubectl get -o yaml|json” beside it, and logs as POD/logs.txt and POD/previous.txt.
//
// A folder may come from anywhere: what is cut off, too big, linked or not understood is left out and named as not
// checked. Nothing in it is executed or followed.
package dump
