// Command official is the control plane in the place of cmd/controlplane, with Kubernetes' and etcd's released binaries, which lie beside
// it in the folder "official": "up" supervises them with KWOK, and a component's name becomes its binary.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/3astronautas/algesta/sandbox/cluster/parent"
	"github.com/3astronautas/algesta/sandbox/cluster/supervisor"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "up" {
		parent.Watch()
		os.Args = append([]string{"up"}, os.Args[2:]...)
		if err := supervisor.NewCommand().Execute(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: controlplane up|etcd|kube-apiserver|kube-controller-manager|kube-scheduler [flags]")
		os.Exit(2)
	}
	self, err := os.Executable()
	if err == nil {
		args := os.Args[2:]
		if os.Args[1] == "etcd" {
			args = etcdFlags(args)
		}
		path := filepath.Join(filepath.Dir(self), "official", filepath.Base(os.Args[1]))
		// The process stays the one that the supervisor has started, and ends with it: Linux keeps that over an exec.
		err = syscall.Exec(path, append([]string{os.Args[1]}, args...), os.Environ())
	}
	fmt.Fprintln(os.Stderr, "starting the released binary:", err)
	os.Exit(1)
}

// etcdFlags are the flags of cmd/controlplane's etcd in the words of the released one.
func etcdFlags(args []string) []string {
	out := []string{"--name=sandbox", "--log-level=error", "--client-cert-auth", "--unsafe-no-fsync"}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "--client-url":
			out = append(out, "--listen-client-urls="+value, "--advertise-client-urls="+value)
		case "--peer-url":
			out = append(out, "--listen-peer-urls="+value, "--initial-advertise-peer-urls="+value, "--initial-cluster=sandbox="+value)
		default:
			out = append(out, arg)
		}
	}
	return out
}
