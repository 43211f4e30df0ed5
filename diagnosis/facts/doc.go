// Package facts holds the snapshot of a cluster and everything that a rule may ask of it: which pods a workload has, what is
// behind a Service, what a log says, why a pod fits on no node.
//
// It is pure, and it judges nothing: no rule, no cause and no remedy is known here.
package facts
