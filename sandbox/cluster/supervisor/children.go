package supervisor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/3astronautas/algesta/sandbox/cluster/parent"
)

// stopWithin is how long a component may take to end after SIGTERM before it is killed. The API server drains watches
// for longer than anyone wants to wait.
const stopWithin = 2 * time.Second

// child is a running component.
type child struct {
	component
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
	wanted bool          // whether its end would be a surprise
}

// children are the running components. Used from one goroutine only.
type children struct {
	dir    string
	alive  *os.File // read end of the pipe that each child inherits
	keep   *os.File // write end: closed by the kernel when this process ends
	byName map[string]*child
	order  []string
	died   chan string // name of a component whose process ended
}

func newChildren(dir string) (*children, error) {
	alive, keep, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making the children's pipe: %w", err)
	}
	return &children{dir: dir, alive: alive, keep: keep, byName: map[string]*child{}, died: make(chan string, 16)}, nil
}

// start runs a component with its output appended to its own log file. The caller's goroutine must be locked to its
// thread, see parent.Tie.
func (c *children) start(spec component) error {
	log, err := os.OpenFile(c.logFile(spec.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the log of %s: %w", spec.name, err)
	}
	defer log.Close()
	cmd := exec.Command(spec.path, spec.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = c.dir
	parent.Tie(cmd, c.alive)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", spec.name, err)
	}
	ch := &child{component: spec, cmd: cmd, exited: make(chan struct{}), wanted: true}
	if _, again := c.byName[spec.name]; !again {
		c.order = append(c.order, spec.name)
	}
	c.byName[spec.name] = ch
	go func() {
		_ = cmd.Wait() // why it ended is in its log
		close(ch.exited)
		c.died <- spec.name
	}()
	return nil
}

// stop ends a component and returns when its process is gone.
func (c *children) stop(name string) error {
	ch, ok := c.byName[name]
	if !ok {
		return fmt.Errorf("there is no component %q", name)
	}
	ch.wanted = false
	if err := ch.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", name, err)
	}
	select {
	case <-ch.exited:
	case <-time.After(stopWithin):
		_ = ch.cmd.Process.Kill() // it may just have ended
		<-ch.exited
	}
	return nil
}

// kill ends everything at once: the data is thrown away, so nothing needs to be put in order.
func (c *children) kill() {
	for _, name := range c.order {
		ch := c.byName[name]
		ch.wanted = false
		_ = ch.cmd.Process.Kill()
	}
	for _, name := range c.order {
		<-c.byName[name].exited
	}
	c.alive.Close()
	c.keep.Close()
}

// surprise reports whether the end of a component was not asked for, with the last lines of its log.
func (c *children) surprise(name string) error {
	ch := c.byName[name]
	select {
	case <-ch.exited:
	default:
		return nil // it was stopped and runs again
	}
	if !ch.wanted {
		return nil
	}
	return fmt.Errorf("%s ended by itself; the end of its log:\n%s", name, tail(c.logFile(name), 2000))
}

func (c *children) logFile(name string) string { return filepath.Join(c.dir, name+".log") }

// tail returns at most the last n bytes of a file, or nothing when it cannot be read.
func tail(path string, n int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > n {
		if _, err := f.Seek(-n, 2); err != nil {
			return ""
		}
	}
	b := make([]byte, n)
	read, _ := f.Read(b)
	return string(b[:read])
}
