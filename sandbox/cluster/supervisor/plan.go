package supervisor

import (
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/3astronautas/algesta/sandbox/cluster/kubelet"
)

// auditPolicy records who asked for what and when, never a body: bodies hold secrets. The components' own traffic is
// left out, it would be nine lines in ten.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  users: ["system:apiserver", "system:kube-scheduler", "system:kube-controller-manager", "algesta-sandbox-kwok"]
- level: None
  nonResourceURLs: ["/readyz*", "/livez*", "/healthz*", "/version"]
- level: Metadata
`

// component is one process of the cluster.
type component struct {
	name string
	path string
	args []string
}

// layout is everything that is decided before the first process starts: ports, certificates, files, arguments.
type layout struct {
	info       Info
	server     string
	components []component
	kubelet    kubelet.Config
}

// newLayout prepares dir for a cluster whose binaries are in binaries.
func newLayout(dir, binaries string) (*layout, error) {
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	api, etcdClient, etcdPeer, kubeletPort := ports[0], ports[1], ports[2], ports[3]
	ca, err := newAuthority(dir)
	if err != nil {
		return nil, err
	}
	serving, err := ca.issue("serving", pkix.Name{CommonName: "algesta-sandbox"})
	if err != nil {
		return nil, err
	}
	accounts, err := ca.issue("serviceaccounts", pkix.Name{CommonName: "serviceaccounts"})
	if err != nil {
		return nil, err
	}
	server := "https://127.0.0.1:" + strconv.Itoa(api)
	l := &layout{server: server, info: Info{
		AuditLog: ca.file("audit.log"), Kubectl: filepath.Join(binaries, "kubectl"), Dir: dir, PID: os.Getpid(),
	}}
	users := map[string]pkix.Name{
		"admin":                   {CommonName: "algesta-sandbox-admin", Organization: []string{"system:masters"}},
		"kube-controller-manager": {CommonName: "system:kube-controller-manager", Organization: []string{"system:masters"}},
		"kube-scheduler":          {CommonName: "system:kube-scheduler"},
		"kwok":                    {CommonName: "algesta-sandbox-kwok", Organization: []string{"system:masters"}},
	}
	configs := map[string]string{}
	for name, subject := range users {
		if configs[name], err = ca.kubeconfig(name, server, subject); err != nil {
			return nil, err
		}
	}
	l.info.Kubeconfig = configs["admin"]
	l.kubelet = kubelet.Config{
		Kubeconfig: configs["kwok"], CertFile: serving.certFile, KeyFile: serving.keyFile,
		Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(kubeletPort)),
	}
	if err := os.WriteFile(ca.file("audit-policy.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return nil, fmt.Errorf("writing the audit policy: %w", err)
	}
	stages, err := kubelet.Stages(kubeletPort)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(ca.file("stages.yaml"), stages, 0o600); err != nil {
		return nil, fmt.Errorf("writing KWOK's stages: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this binary: %w", err)
	}
	etcdURL := "https://127.0.0.1:" + strconv.Itoa(etcdClient)
	l.components = []component{
		{"etcd", self, etcdArgs(dir, etcdURL, etcdPeer, ca, serving)},
		{apiServer, self, apiServerArgs(api, etcdURL, ca, serving, accounts)},
		{"kube-controller-manager", self, controllerArgs(configs["kube-controller-manager"], ca, accounts)},
		{"kube-scheduler", self, []string{
			"kube-scheduler", "--kubeconfig=" + configs["kube-scheduler"], "--leader-elect=false", "--secure-port=0",
			"--kube-api-qps=500", "--kube-api-burst=1000",
		}},
		{"kwok", filepath.Join(binaries, "kwok"), []string{
			"--kubeconfig=" + configs["kwok"], "--config=" + ca.file("stages.yaml"), "--manage-all-nodes=true",
			"--node-lease-duration-seconds=0", "--cidr=10.244.0.0/16",
		}},
	}
	return l, nil
}

func etcdArgs(dir, clientURL string, peerPort int, ca *authority, serving pair) []string {
	return []string{
		"etcd", "--data-dir=" + filepath.Join(dir, "etcd"), "--client-url=" + clientURL,
		"--peer-url=http://127.0.0.1:" + strconv.Itoa(peerPort),
		"--cert-file=" + serving.certFile, "--key-file=" + serving.keyFile, "--trusted-ca-file=" + ca.file("ca.crt"),
	}
}

func apiServerArgs(port int, etcdURL string, ca *authority, serving, accounts pair) []string {
	return []string{
		apiServer,
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(port),
		// Nothing in the cluster dials the API server, so it needs no endpoint, and the machine needs no route.
		"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none",
		"--etcd-servers=" + etcdURL, "--etcd-cafile=" + ca.file("ca.crt"),
		"--etcd-certfile=" + serving.certFile, "--etcd-keyfile=" + serving.keyFile,
		"--tls-cert-file=" + serving.certFile, "--tls-private-key-file=" + serving.keyFile,
		"--client-ca-file=" + ca.file("ca.crt"), "--authorization-mode=Node,RBAC",
		"--service-cluster-ip-range=10.0.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + accounts.certFile, "--service-account-signing-key-file=" + accounts.keyFile,
		"--audit-log-path=" + ca.file("audit.log"), "--audit-policy-file=" + ca.file("audit-policy.yaml"),
		"--audit-log-maxsize=0", // a rotated file would lose lines that a test is counting
		"--kubelet-certificate-authority=" + ca.file("ca.crt"), "--kubelet-client-certificate=" + serving.certFile,
		"--kubelet-client-key=" + serving.keyFile, "--kubelet-preferred-address-types=ExternalDNS",
		"--profiling=false",
	}
}

func controllerArgs(kubeconfig string, ca *authority, accounts pair) []string {
	return []string{
		"kube-controller-manager", "--kubeconfig=" + kubeconfig, "--leader-elect=false", "--secure-port=0",
		"--service-account-private-key-file=" + accounts.keyFile, "--root-ca-file=" + ca.file("ca.crt"),
		"--allocate-node-cidrs=true", "--cluster-cidr=10.244.0.0/16", "--service-cluster-ip-range=10.0.0.0/16",
		"--horizontal-pod-autoscaler-sync-period=5s",
		"--kube-api-qps=500", "--kube-api-burst=1000", "--concurrent-deployment-syncs=20",
		"--concurrent-replicaset-syncs=20", "--concurrent-namespace-syncs=20",
	}
}

// freePorts finds n ports that nobody listens on. They are held open together so that they differ.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
