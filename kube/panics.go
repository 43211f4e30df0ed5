package kube

import (
	"context"
	"runtime/debug"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// OnPanic has whatever panics in a goroutine of client-go given to handle, with its stack, and client-go's own lines dropped: both
// would be printed as they are, and may quote what a server sent. handle ends the program: an informer that stopped would leave a cache
// that nobody knows is old. It's called once, before any cluster is opened, because these are settings of the libraries as a whole.
func OnPanic(handle func(thrown any, stack []byte)) {
	klog.SetLogger(klog.Logger{})
	utilruntime.PanicHandlers = []func(context.Context, any){
		func(_ context.Context, thrown any) { handle(thrown, debug.Stack()) },
	}
}
