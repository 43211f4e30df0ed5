//go:build unix && !linux

package control

import "syscall"

// tied does nothing here: only Linux has a parent-death signal. Close ends the process.
func tied() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
