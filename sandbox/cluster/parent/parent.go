// Package parent ties the life of a sandbox process to the life of the supervisor that started it.
package parent

import (
	"io"
	"os"
	"os/exec"
	"strconv"
)

// envPipe names the inherited file descriptor whose other end only the supervisor holds.
const envPipe = "ALGESTA_SANDBOX_PARENT_FD"

// firstExtraFD is the number that os/exec gives to the first of Cmd.ExtraFiles.
const firstExtraFD = 3

// Watch ends this process as soon as its supervisor is gone, however the supervisor ended: the kernel closes the
// supervisor's end of the pipe even after kill -9. It does nothing in a process that no supervisor started.
func Watch() {
	fd, err := strconv.Atoi(os.Getenv(envPipe))
	if err != nil {
		return
	}
	pipe := os.NewFile(uintptr(fd), "parent")
	go func() {
		// Nothing is ever written: the read returns when the supervisor's end is closed.
		_, _ = io.Copy(io.Discard, pipe)
		os.Exit(1)
	}()
}

// Tie makes cmd's process end when this process ends. The caller keeps alive open until it is done with cmd, and starts
// cmd from a goroutine that is locked to its thread: Linux counts the death of the starting thread as the parent's.
func Tie(cmd *exec.Cmd, alive *os.File) {
	cmd.ExtraFiles = append(cmd.ExtraFiles, alive)
	cmd.Env = append(cmd.Environ(), envPipe+"="+strconv.Itoa(firstExtraFD+len(cmd.ExtraFiles)-1))
	dieWithParent(cmd)
}
