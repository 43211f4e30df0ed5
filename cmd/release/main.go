// Command release builds what is published: the bot's binaries, its image, the Helm chart, lists of what is in them, and checksums. It
// needs no container daemon, and the same commit gives the same bytes on every machine with the same Go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	root := &cobra.Command{Use: "release", Short: "Build what is published", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(imageCommand(), allCommand())
	err := root.ExecuteContext(ctx)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// source is the commit that is built.
type source struct {
	root    string // of the repository
	version string // as `git describe` says, without the v
	at      time.Time
	clean   bool
}

// here is the commit of the working folder.
func here(ctx context.Context) (source, error) {
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", args...).Output() //nolint:gosec // the arguments are this file's
		if err != nil {
			return "", fmt.Errorf("git %s: %w", args[0], err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	root, errRoot := git("rev-parse", "--show-toplevel")
	described, errVersion := git("describe", "--tags", "--always", "--match", "v[0-9]*")
	seconds, errAt := git("log", "-1", "--format=%ct")
	changed, errClean := git("status", "--porcelain")
	if err := errors.Join(errRoot, errVersion, errAt, errClean); err != nil {
		return source{}, err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return source{}, fmt.Errorf("reading the time of the commit: %w", err)
	}
	return source{root: root, version: versionOf(described), at: time.Unix(unix, 0).UTC(), clean: changed == ""}, nil
}

// marked is the version, and says so where it has what isn't committed.
func (s source) marked() string {
	switch {
	case s.clean:
		return s.version
	case strings.Contains(s.version, "-"):
		return s.version + ".dirty"
	}
	return s.version + "-dirty"
}

// versionOf makes a version, as Helm and Go understand it, of what git says: a tag as it is, anything else a version before the first.
func versionOf(described string) string {
	if v, isTag := strings.CutPrefix(described, "v"); isTag {
		base, rest, between := strings.Cut(v, "-")
		if between {
			return base + "-" + strings.ReplaceAll(rest, "-", ".") // four commits after v1.2.0, and no release: 1.2.0-4.gabcdef0
		}
		return v
	}
	return "0.0.0-g" + described
}

func imageCommand() *cobra.Command {
	var out, push string
	var platforms []string
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Build the image, without a daemon, and push it where --push says",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := here(cmd.Context())
			if err != nil {
				return err
			}
			s.version = s.marked()
			_, err = buildImage(cmd.Context(), cmd.OutOrStdout(), s, out, push, platforms)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "bin", "the folder to write to")
	cmd.Flags().StringVar(&push, "push", "",
		"also push it there, such as ghcr.io/3astronautas/algesta:1.2.0, with the credentials of `docker login`")
	cmd.Flags().StringSliceVar(&platforms, "platform", []string{"linux/amd64"}, "what to build it for; several make an index")
	return cmd
}

func allCommand() *cobra.Command {
	var out, push string
	var dirty bool
	cmd := &cobra.Command{
		Use:   "all",
		Short: "Build everything of a release into a folder: binaries, image, chart, lists of contents, checksums",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := here(cmd.Context())
			if err != nil {
				return err
			}
			if !s.clean && !dirty {
				return errors.New("the checkout has changes that aren't committed: a release is of a commit (--dirty builds one to try out)")
			}
			s.version = s.marked()
			return buildAll(cmd.Context(), cmd.OutOrStdout(), s, out, push)
		},
	}
	cmd.Flags().StringVar(&out, "out", "dist", "the folder to write to; it must not hold anything yet")
	cmd.Flags().StringVar(&push, "push", "",
		"also push the image there, such as ghcr.io/3astronautas/algesta:1.2.0, with the credentials of `docker login`")
	cmd.Flags().BoolVar(&dirty, "dirty", false, "build what isn't committed as well")
	return cmd
}

// say tells how far it is; nobody waits for it to succeed.
func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
