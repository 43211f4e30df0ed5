package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/incidents"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/slack"
	"github.com/3astronautas/algesta/store"
)

// keepFor is how long sent messages and answered envelopes are kept. Requests and the audit stay.
const keepFor = 30 * 24 * time.Hour

// stopWithin bounds the graceful stop: acks drain, work under way ends, the store closes.
const stopWithin = 15 * time.Second

func serveCommand() *cobra.Command {
	var path, level string
	var pretty bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve Slack until told to stop",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLog(cmd.ErrOrStderr(), level, pretty)
			if err != nil {
				return err
			}
			cfg, err := loadConfig(path, os.Getenv)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, log)
		},
	}
	cmd.Flags().StringVar(&path, "config", "/etc/algesta/config.yaml", "the configuration file")
	cmd.Flags().StringVar(&level, "log-level", "info", "debug, info, warn or error")
	cmd.Flags().BoolVar(&pretty, "pretty-log", false, "write the log for people instead of JSON")
	return cmd
}

// rooms are the parts of a running bot that both transports share.
type rooms struct {
	channels   incidents.Rooms // where the transport has channels; nil in a terminal
	cfg        Config
	log        *zap.Logger
	policy     *policyFile
	store      *store.Store
	clusters   clusters
	catalog    *catalog.Catalog
	redactor   *redact.Redactor
	panics     *algesta.Panics // of all rooms
	dispatcher *commands.Dispatcher
	incidents  *incidents.Keeper
	connection func() (here, elsewhere int) // to Slack; nil where there is none
	receiver   *incidents.Receiver          // nil where no webhooks are taken
}

// openRooms opens everything that needs no network: a cluster or a Slack that is away does not keep the bot from starting.
func openRooms(ctx context.Context, cfg Config, log *zap.Logger) (*rooms, error) {
	redactor := redact.New([]byte(cfg.Slack.AppToken), []byte(cfg.Slack.BotToken), []byte(cfg.Alertmanager.Token))
	log = hidingLog(log, redactor)
	r := &rooms{cfg: cfg, log: log, redactor: redactor, panics: &algesta.Panics{}}
	var err error
	if r.policy, err = openPolicy(cfg.PolicyFile, cfg, log.Named("policy")); err != nil {
		return nil, err
	}
	if r.catalog, err = catalog.New(cfg.Environments, cfg.Services); err != nil {
		return nil, fmt.Errorf("reading the environments: %w", err)
	}
	r.clusters = clusters{}
	for _, c := range cfg.Clusters {
		k := kubeConfig(c, r.catalog, r.hide, redactor.Values, log)
		k.Registries, k.OwnNetworks, k.Panics = cfg.Registries, cfg.OwnNetworks, r.panics
		if r.clusters[c.Name], err = kube.Open(ctx, k); err != nil {
			return nil, fmt.Errorf("opening the cluster %s: %w", c.Name, err)
		}
	}
	if r.store, err = store.Open(ctx, cfg.Store, log.Named("store")); err != nil {
		return nil, err
	}
	r.store.Panics = r.panics
	warnOfOthers(log.Named("files"), cfg.private) // the store's is there now
	return r, nil
}

// dispatch makes the dispatcher for a transport's directory and gives the store its work.
func (r *rooms) dispatch(d commands.Directory) error {
	bot := r.cfg.Slack.Handle()
	var err error
	r.dispatcher, err = commands.New(commands.Config{
		Bot: bot, Parser: grammar.NewParser(bot, runbooks.All()), Policy: r.policy.Policy, Catalog: r.catalog, Directory: d,
		Clusters: r.clusters, Store: storeFor{r.store, r.redactor}, Redact: func(s string) string { return redact.Clean(r.redactor.String(s)) },
		Doctor: r.doctor(), Noticed: func() []commands.Noticed { return r.incidents.Noticed() },
		Makers: r.clusters.makersIn, Routed: r.cfg.Incidents.Leads,
		Soak: r.cfg.Follow.Soak, Log: r.log.Named("commands"), Panics: r.panics,
	})
	if err != nil {
		return err
	}
	work := map[algesta.JobKind]store.Handler{}
	for kind, job := range r.dispatcher.Jobs() {
		work[kind] = store.Handler(job)
	}
	r.store.Work(work)
	r.incidents = r.keeper(d)
	return nil
}

// work runs the store's jobs, the clusters' caches and the dispatcher until ctx ends, then waits for them.
func (r *rooms) work(ctx context.Context, transport func(context.Context) error) error {
	open, err := r.store.Unanswered(ctx)
	if err != nil {
		return fmt.Errorf("reading the inbox: %w", err)
	}
	if err := r.store.Start(ctx); err != nil {
		return fmt.Errorf("starting the jobs: %w", err)
	}
	var running sync.WaitGroup
	for _, c := range r.clusters {
		running.Go(func() { c.Start(ctx) })
	}
	running.Go(func() { r.prune(ctx) })
	running.Go(func() { auditHeads{r.store.Head, r.log.Named("audit")}.run(ctx) })
	running.Go(func() { r.incidents.Run(ctx) })
	running.Go(func() { r.dispatcher.Run(ctx, open, r.store.Arrivals()) })
	err = transport(ctx)
	running.Wait()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if e := r.store.Stop(stop); e != nil {
		r.log.Warn("stopping the jobs", zap.Error(e))
	}
	return err
}

// prune forgets what was sent and answered long ago, once an hour, until ctx ends.
func (r *rooms) prune(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := r.store.Prune(ctx, time.Now().Add(-keepFor)); err != nil {
			r.log.Warn("forgetting old messages", zap.Error(err))
		}
	}
}

// gcPercent is how much garbage there may be for 100 bytes that are in use. Most of those are the caches of the clusters, so the Go
// runtime's own 100 would keep as much again for next to no work. docs/benchmarks.md has the figures.
const gcPercent = 40

// serve wires the rooms to Slack and runs until ctx ends.
func serve(ctx context.Context, cfg Config, log *zap.Logger) error {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	r, err := openRooms(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer r.close(ctx)
	log = r.log
	transport, err := slack.New(slack.Config{
		BotToken:       cfg.Slack.BotToken,
		AppToken:       cfg.Slack.AppToken,
		APIURL:         cfg.Slack.APIURL,
		Command:        cfg.Slack.Command,
		TeamID:         cfg.Slack.TeamID,
		Groups:         r.policy.Policy().Groups(),
		SharedChannels: cfg.Slack.SharedChannels,
		Inbox:          storeFor{r.store, r.redactor},
		Outbox:         r.store,
		Redactor:       r.redactor,
		Log:            log.Named("slack"),
		Panics:         r.panics,
	})
	if err != nil {
		return err
	}
	r.connection = sockets(transport)
	r.channels = transport
	if err := r.dispatch(transport); err != nil {
		return err
	}
	transport.SetForms(r.dispatcher)
	if admins := cfg.Slack.AdminChannel; admins != "" {
		r.policy.tell = func(ctx context.Context, id string, failed error) error {
			return r.dispatcher.AboutPolicy(ctx, admins, id, failed)
		}
	}
	transport.SetChannels(r.incidents)
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", cfg.Listen, err)
	}
	log.Info("listening", zap.String("address", listener.Addr().String()), zap.String("version", version))
	var background sync.WaitGroup
	defer background.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := r.receiveAlerts(ctx, &background); err != nil {
		return err
	}
	h := health{
		writable: r.writable, sockets: sockets(transport), clusters: r.clusterStates, lost: r.lost, unapproved: r.unapproved(transport),
		registry: r.figures(ctx, transport), bounds: probeBounds, log: log.Named("health"),
	}
	background.Go(func() {
		if err := h.serve(ctx, listener); err != nil {
			log.Error("the health server ended", zap.Error(err))
			cancel()
		}
	})
	background.Go(func() { r.policy.watch(ctx, transport.SetGroups) })
	err = r.work(ctx, transport.Run)
	log.Info("stopped")
	return err
}

// close gives the store's file back.
func (r *rooms) close(ctx context.Context) {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := r.store.Close(stop); err != nil {
		r.log.Warn("closing the store", zap.Error(err))
	}
}

// writable reports whether the store takes a write.
func (r *rooms) writable(ctx context.Context) error {
	return r.store.Update(ctx, func(*store.Tx) error { return nil })
}

// unapproved are the approvals that nobody can give in a workspace without user groups.
func (r *rooms) unapproved(s *slack.Slack) func() []string {
	return func() []string {
		if !s.Ungrouped() {
			return nil
		}
		return r.policy.Policy().GroupsAlone()
	}
}

// sockets says how many Socket Mode connections this process holds, and how many others do with the same app token.
func sockets(s *slack.Slack) func() (here, elsewhere int) {
	return func() (here, elsewhere int) {
		now := s.Stats()
		return now.Connected, now.Others
	}
}
