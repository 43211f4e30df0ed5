package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/store"
	"github.com/3astronautas/algesta/words"
)

// examineFiles looks at who may read the files that are nobody else's business.
func examineFiles(e *examination, cfg Config) {
	looked := 0
	for _, f := range cfg.private {
		info, err := os.Stat(f.path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // whoever needs it says so
			continue
		case err != nil:
			e.add(unchecked, "", "couldn't check who may read %s (%v)", f.what, err)
			continue
		}
		looked++
		if who := others(info, f.readable); who != "" {
			e.add(attention, f.advice(), "%s, %s, can be used by %s", f.what, f.path, who)
		}
	}
	e.ok("%s checked for who may use them", words.Count(looked, "file"))
}

// examinePolicy loads the policy. It's nil where that can't be done.
func examinePolicy(cfg Config) (examination, *policy.Policy) {
	e := examination{title: "policy"}
	const advice = "correct it; `bot policy check` explains a policy, and a running bot goes on with the last one that was valid"
	p, err := loadPolicy(cfg.PolicyFile)
	if err == nil {
		err = named(p, cfg)
	}
	if err != nil {
		e.add(broken, advice, "%v", err)
		return e, nil
	}
	e.ok("%s is valid", cfg.PolicyFile)
	for _, n := range p.Nowhere(cfg.targets()) {
		if n.Elsewhere {
			e.add(attention, "correct that name, or remove it", "rule %q names the namespace %s, in which no environment is", n.Rule, n.Namespace)
			continue
		}
		e.add(attention, "correct its namespaces, or remove it",
			"rule %q holds nowhere: no environment is in the namespace %s", n.Rule, n.Namespace)
	}
	return e, p
}

// examineStore looks at the file and at its folder.
func examineStore(ctx context.Context, cfg Config) examination {
	e := examination{title: "store"}
	path := strings.TrimPrefix(cfg.Store, "file:")
	condition, err := store.Inspect(ctx, cfg.Store)
	switch {
	case errors.Is(err, store.ErrAuditBroken):
		e.add(broken, "find out who wrote the file; docs/audit.md tells what a backup and the logged heads say about it", "%v", err)
	case err != nil:
		e.add(broken, "check the path, the volume and who may read it", "%v", err)
	case condition.Later:
		e.add(broken, "use that version again, or restore a backup from before it", "%s was written by a later version of the bot", path)
	case condition.Earlier:
		e.ok("%s was written by an earlier version; the next start brings it up to date (`bot store backup` first)", path)
	case !condition.There:
		e.ok("%s isn't there yet; the first start makes it", path)
	default:
		e.ok("%s is readable, and the %s of its audit follow from each other", path, words.Count(condition.Head.Seq, "line"))
	}
	if err := tryWriting(filepath.Dir(path)); err != nil {
		e.add(broken, "give the folder to the user that the bot runs as", "nothing can be written to %s (%v)", filepath.Dir(path), err)
	}
	return e
}

// tryWriting writes a file to a folder and takes it away again.
func tryWriting(folder string) error {
	f, err := os.CreateTemp(folder, ".doctor-*")
	if err != nil {
		if call, ok := errors.AsType[*fs.PathError](err); ok {
			err = call.Err
		}
		return err
	}
	_, err = f.WriteString("x")
	if err := errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("writing a file: %w", err)
	}
	return nil
}
