package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
)

// newEtcdCommand runs one etcd member for the sandbox: mutual TLS for clients, and no fsync, because the data is thrown
// away with the cluster.
func newEtcdCommand() *cobra.Command {
	var dir, clientURL, peerURL string
	var tls transport.TLSInfo
	cmd := &cobra.Command{
		Use:           "etcd",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := etcdConfig(dir, clientURL, peerURL, tls)
			if err != nil {
				return err
			}
			etcd, err := embed.StartEtcd(cfg)
			if err != nil {
				return fmt.Errorf("starting etcd: %w", err)
			}
			defer etcd.Close()
			select {
			case err := <-etcd.Err():
				return fmt.Errorf("running etcd: %w", err)
			case <-cmd.Context().Done():
				return nil
			}
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "data-dir", "", "where the data is kept")
	flags.StringVar(&clientURL, "client-url", "", "https URL for the API server")
	flags.StringVar(&peerURL, "peer-url", "", "http URL on loopback; etcd insists on one even without peers")
	flags.StringVar(&tls.CertFile, "cert-file", "", "serving certificate")
	flags.StringVar(&tls.KeyFile, "key-file", "", "key of the serving certificate")
	flags.StringVar(&tls.TrustedCAFile, "trusted-ca-file", "", "CA of the clients")
	return cmd
}

func etcdConfig(dir, clientURL, peerURL string, tls transport.TLSInfo) (*embed.Config, error) {
	client, err := url.Parse(clientURL)
	if err != nil {
		return nil, fmt.Errorf("parsing the client URL: %w", err)
	}
	peer, err := url.Parse(peerURL)
	if err != nil {
		return nil, fmt.Errorf("parsing the peer URL: %w", err)
	}
	tls.ClientCertAuth = true
	cfg := embed.NewConfig()
	cfg.Name = "sandbox"
	cfg.Dir = dir
	cfg.LogLevel = "error"
	cfg.ClientTLSInfo = tls
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.UnsafeNoFsync = true
	return cfg, nil
}
