// Command bench measures the figures of docs/benchmarks.md on the sandbox, with kubectl as the peer in the same run, and
// prints them as a table and as JSON. Goals that are missed are printed like the others.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// figure is one measured value with its goal.
type figure struct {
	Key   string  `json:"key"`
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	Goal  float64 `json:"goal,omitempty"` // at most; 0 with Free says that there is none
	Free  bool    `json:"free,omitempty"`
	Note  string  `json:"note,omitempty"`
}

func (f figure) verdict() string {
	switch {
	case f.Free:
		return "-"
	case f.Value <= f.Goal:
		return "met"
	}
	return "missed"
}

// results gathers what was measured, and what could not be.
type results struct {
	figures []figure
	failed  []string
}

func (r *results) add(f ...figure) { r.figures = append(r.figures, f...) }

// part measures one group of figures; its error does not keep the others from being measured.
func (r *results) part(ctx context.Context, name string, only []string, f func(context.Context) error) {
	if len(only) > 0 && !slices.Contains(only, name) {
		return
	}
	began := time.Now()
	fmt.Fprintf(os.Stderr, "bench: %s …\n", name)
	if err := f(ctx); err != nil {
		r.failed = append(r.failed, name+": "+err.Error())
		fmt.Fprintf(os.Stderr, "bench: %s could not be measured: %v\n", name, err)
		return
	}
	fmt.Fprintf(os.Stderr, "bench: %s took %s\n", name, time.Since(began).Round(time.Second))
}

func main() {
	out := flag.String("out", ".cache/bench.json", "where the JSON goes")
	only := flag.String("only", "", "parts to measure, separated by commas; default all: ready,latency,reads,forms,ack,incidents,resources,"+
		"diagnose,crowd,azure,install; only where they're named, because they build nearly everything anew: firstrun,firstrun-built")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *out, strings.FieldsFunc(*only, func(r rune) bool { return r == ',' }))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out string, only []string) error {
	r := &results{}
	if !firstRuns(ctx, r, only) {
		return r.end(ctx, out)
	}
	w, err := open(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	r.part(ctx, "ready", only, func(ctx context.Context) error { return w.ready(ctx, r) })
	r.part(ctx, "latency", only, func(ctx context.Context) error { return w.latency(ctx, r) })
	r.part(ctx, "reads", only, func(ctx context.Context) error { return w.reads(ctx, r) })
	r.part(ctx, "forms", only, func(ctx context.Context) error { return w.forms(ctx, r) })
	r.part(ctx, "ack", only, func(ctx context.Context) error { return w.acks(ctx, r) })
	r.part(ctx, "incidents", only, func(ctx context.Context) error { return w.incidents(ctx, r) })
	r.part(ctx, "resources", only, func(ctx context.Context) error { return w.resources(ctx, r) })
	r.part(ctx, "diagnose", only, func(ctx context.Context) error { return w.diagnose(ctx, r) })
	r.part(ctx, "crowd", only, func(ctx context.Context) error { return w.crowdOf(ctx, r) })
	r.part(ctx, "azure", only, func(ctx context.Context) error { return w.signIn(ctx, r) })
	r.part(ctx, "install", only, func(ctx context.Context) error { return w.install(ctx, r) })
	return r.end(ctx, out)
}

// end writes and prints what was measured; it's an error where something couldn't be.
func (r *results) end(ctx context.Context, out string) error {
	if err := r.save(out); err != nil {
		return err
	}
	r.print()
	if len(r.failed) > 0 {
		return errors.New("not everything could be measured:\n  " + strings.Join(r.failed, "\n  "))
	}
	return ctx.Err()
}

// save writes the figures by key, as other programs read them; what an earlier run measured and this one did not stays.
func (r *results) save(path string) error {
	values := map[string]any{}
	if b, err := os.ReadFile(path); err == nil { //nolint:gosec // the path is a flag
		if err := json.Unmarshal(b, &values); err != nil {
			return fmt.Errorf("reading the figures of an earlier run: %w", err)
		}
	}
	for _, f := range r.figures {
		values[f.Key] = f.Value
	}
	b, err := json.MarshalIndent(values, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}

func (r *results) print() {
	t := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "figure\twhat\tmeasured\tgoal\t\t")
	for _, f := range r.figures {
		goal := "-"
		if !f.Free {
			goal = fmt.Sprintf("≤ %.4g %s", f.Goal, f.Unit)
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%.4g %s\t%s\t%s\t%s\n", f.Key, f.What, f.Value, f.Unit, goal, f.verdict(), f.Note)
	}
	_ = t.Flush()
}

// median is the middle of the values; it sorts them.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}
