package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/incidents"
)

// placeAge is how old what is known of a channel may be where an incident names a change that was asked for there.
const placeAge = 10 * time.Minute

// keeper makes what watches the environments of the configuration and reports incidents where it says so.
func (r *rooms) keeper(d commands.Directory) *incidents.Keeper {
	var remote *incidents.Remote
	if r.cfg.Alertmanager.API != "" {
		remote = &incidents.Remote{URL: r.cfg.Alertmanager.API, Client: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
	}
	return incidents.New(r.cfg.Incidents, incidents.Parts{
		Asker: r.dispatcher, Records: r.store, Update: storeFor{r.store, r.redactor}.Update, Watched: r.clusters,
		Catalog: places{r.catalog, r.cfg.Environments}, Redact: r.redactor.String,
		Link: d.Link, Public: func(ctx context.Context, channel string) bool {
			place, err := d.Place(ctx, channel, placeAge)
			return err == nil && place.Public
		}, Unposted: r.tellUnposted(), Rooms: r.channels, Remote: remote, Log: r.log.Named("incidents"), Panics: r.panics,
	})
}

// tellUnposted tells the admin channel where nothing about incidents can be posted; nil where there is no such channel.
func (r *rooms) tellUnposted() func(ctx context.Context, id, channel string, failed error) error {
	admins := r.cfg.Slack.AdminChannel
	if admins == "" {
		return nil
	}
	return func(ctx context.Context, id, channel string, failed error) error {
		return r.dispatcher.AboutIncidents(ctx, admins, id, channel, failed)
	}
}

// Overview implements incidents.Watched.
func (c clusters) Overview(ctx context.Context, cluster, namespace string) (objects []runtime.Object, unread map[string]error) {
	k, err := c.named(cluster)
	if err != nil {
		return nil, incidents.UnreadAll(err)
	}
	return k.Overview(ctx, namespace)
}

// places implement incidents.Catalog.
type places struct {
	catalog      *catalog.Catalog
	environments []catalog.Environment
}

// Called is the service of a Deployment as people call it; zero where it's in two environments, because no template fits its name.
func (p places) Called(cluster, namespace, deployment string) (called algesta.Target) {
	for _, t := range p.catalog.Known(context.Background()) {
		if t.Cluster != cluster || t.Namespace != namespace || t.Name != deployment {
			continue
		}
		if called.Name != "" {
			return algesta.Target{}
		}
		called = t
	}
	return called
}

// EnvironmentOf is the environment of an object by its name.
func (p places) EnvironmentOf(cluster, namespace, name string, exactly bool) string {
	return p.catalog.EnvironmentOf(cluster, namespace, name, exactly)
}

// Known are the services that are known so far.
func (p places) Known() []algesta.Target { return p.catalog.Known(context.Background()) }

// Places are the environments in the order of the configuration.
func (p places) Places() []algesta.Target {
	var out []algesta.Target
	for _, e := range p.environments {
		t, err := p.catalog.Resolve(context.Background(), "", e.Name, func(algesta.Target) bool { return true })
		if err == nil {
			out = append(out, t)
		}
	}
	return out
}

// receiveAlerts takes the webhooks of Alertmanagers on an address of its own, where the configuration names one, until ctx ends. It ends
// with background.
func (r *rooms) receiveAlerts(ctx context.Context, background *sync.WaitGroup) error {
	if r.cfg.Alertmanager.Listen == "" {
		return nil
	}
	var err error
	log := r.log.Named("alertmanager")
	r.receiver, err = incidents.NewReceiver([]byte(r.cfg.Alertmanager.Token), r.redactor.String, r.incidents.Receive, log)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", r.cfg.Alertmanager.Listen)
	if err != nil {
		return fmt.Errorf("listening for alerts on %s: %w", r.cfg.Alertmanager.Listen, err)
	}
	log.Info("listening for alerts", zap.String("address", listener.Addr().String()))
	server := &http.Server{
		Handler: r.receiver, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 45 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: zap.NewStdLog(log),
	}
	background.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("nobody listens for alerts any more", zap.Error(err))
		}
	})
	background.Go(func() {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if err := server.Shutdown(stop); err != nil {
			log.Warn("stopping", zap.Error(err))
		}
	})
	return nil
}
