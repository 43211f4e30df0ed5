package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"go.uber.org/zap"
)

// privateFile is a file that nobody but the bot should read, or write.
type privateFile struct {
	what     string // in words, for the log
	path     string
	readable bool // others may read it: only writing matters
}

// privateFiles are the files that the configuration names, and the store's.
func (f *configFile) privateFiles(path string) []privateFile {
	files := []privateFile{
		{what: "the app token", path: f.Slack.AppTokenFile},
		{what: "the bot token", path: f.Slack.BotTokenFile},
		{what: "the token of the Alertmanager", path: f.Incidents.Alertmanager.TokenFile},
		{what: "the configuration", path: path, readable: true},
		{what: "the policy", path: f.PolicyFile, readable: true},
	}
	for _, c := range f.Clusters {
		files = append(
			files,
			privateFile{what: "the kubeconfig of " + c.Name, path: c.Kubeconfig},
			privateFile{what: "the client secret of " + c.Name, path: c.Azure.SecretFile},
			privateFile{what: "the client certificate of " + c.Name, path: c.Azure.CertificateFile},
		)
	}
	for _, r := range f.Registries {
		files = append(
			files,
			privateFile{what: "the client secret of " + r.Host, path: r.Azure.SecretFile},
			privateFile{what: "the client certificate of " + r.Host, path: r.Azure.CertificateFile},
		)
	}
	if store, ok := strings.CutPrefix(orDefault(f.Store, defaultStore), "file:"); ok {
		files = append(
			files,
			privateFile{what: "the store", path: store},
			privateFile{what: "the store's log", path: store + "-wal"},
		)
	}
	return slices.DeleteFunc(files, func(p privateFile) bool { return p.path == "" })
}

// warnOfOthers logs which of the files somebody else may read or write, each with what to do. A missing file isn't reported here:
// the code that needs it does.
func warnOfOthers(log *zap.Logger, files []privateFile) {
	for _, f := range files {
		info, err := os.Stat(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			log.Warn("could not check who may read a file", zap.String("what", f.what), zap.String("path", f.path), zap.Error(err))
			continue
		}
		if who := others(info, f.readable); who != "" {
			log.Warn(
				"others may use this file", zap.String("what", f.what), zap.String("path", f.path), zap.String("mode", info.Mode().Perm().String()),
				zap.String("who", who), zap.String("advice", f.advice()),
			)
		}
	}
}

// advice is what to do about a file.
func (f privateFile) advice() string {
	if f.readable {
		return fmt.Sprintf("chmod go-w %s", f.path)
	}
	return fmt.Sprintf("chmod 600 %s; for a mounted Secret set defaultMode: 0440 on the volume and fsGroup on the pod", f.path)
}

// others says who else may read the file, or write it where reading does not matter; "" when nobody may. The groups that the process is in
// do not count: in Kubernetes fsGroup gives a mounted Secret to a group of the pod's own.
func others(info fs.FileInfo, readable bool) string {
	all, group := fs.FileMode(0o006), fs.FileMode(0o060)
	if readable {
		all, group = 0o002, 0o020
	}
	if info.Mode()&all != 0 {
		return "every user of this machine"
	}
	if info.Mode()&group == 0 {
		return ""
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "a group"
	}
	groups, err := os.Getgroups()
	if gid := int(owner.Gid); err != nil || gid != os.Getegid() && !slices.Contains(groups, gid) {
		return fmt.Sprintf("the members of group %d, in which this process is not", gid)
	}
	return ""
}
