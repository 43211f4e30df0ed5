package kube

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/3astronautas/algesta"
)

// The bounds of one log that a person asks for. A kubelet's own limit of bytes keeps the oldest of the lines that are asked for, so a
// line of megabytes would hide all that came after it: this much is read, and the end is kept.
const (
	logReadBytes = 16 << 20
	logKeptBytes = 512 << 10
	logLineBytes = 16 << 10
	logMostLines = 2000
	logLines     = 200 // for a diagnosis (kube.md E)
)

// GetLogs are the last lines of a container's log, as the container wrote them and neither cleaned nor redacted: TailLines of the options,
// at most 2,000, and at most 512 KiB of them in five seconds. Of a line of more than 16 KiB the beginning is kept, with "…" after it. cut
// says that the log was not read to its end, so that the newest lines may be missing. ErrNotFound says that there is no such pod, or no
// such log: the container hasn't started, or no instance came before.
func (c *Cluster) GetLogs(
	ctx context.Context, namespace, pod string, options corev1.PodLogOptions,
) (lines []string, cut bool, err error) {
	lines, cut, err = c.tail(ctx, namespace, pod, options)
	if err != nil && len(lines) == 0 {
		return nil, false, c.noLog(namespace, pod, options.Container, err)
	}
	return lines, cut || err != nil, nil
}

// Log is the end of a container's log for a diagnosis, of the instance before this one when previous is set: 200 lines, read as GetLogs
// reads them. It is not cleaned or redacted. Nothing to read is an empty log and no error.
func (c *Cluster) Log(ctx context.Context, namespace, pod, container string, previous bool) ([]byte, error) {
	options := corev1.PodLogOptions{Container: container, Previous: previous, TailLines: new(int64(logLines))}
	lines, _, err := c.tail(ctx, namespace, pod, options)
	switch {
	case codeOf(err) == http.StatusBadRequest: // the container has not started, or no instance came before
		return nil, nil
	case err != nil:
		return nil, c.explain(attempt{"get", "pods/log", namespace, pod}, err)
	}
	return []byte(strings.Join(lines, "\n")), nil
}

// tail reads the last lines of a log. What was read before an error is returned with it.
func (c *Cluster) tail(ctx context.Context, namespace, pod string, options corev1.PodLogOptions) (lines []string, cut bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	most := int64(logMostLines)
	if options.TailLines != nil {
		most = min(most, max(0, *options.TailLines))
	}
	options.TailLines, options.LimitBytes, options.Follow = &most, new(int64(logReadBytes)), false
	body, err := c.lists.Get().AbsPath("/api/v1").Namespace(namespace).Resource("pods").Name(pod).SubResource("log").
		SpecificallyVersionedParams(&options, scheme.ParameterCodec, schema.GroupVersion{Version: "v1"}).
		SetHeader("Accept", "*/*").Stream(ctx)
	if err != nil {
		return nil, false, err //nolint:wrapcheck // its code decides what is said
	}
	defer func() { _ = body.Close() }()
	return lastLines(body, int(most))
}

// HideSecrets removes the values of the Secrets of the cluster that this process has read from a text.
func (c *Cluster) HideSecrets(text string) string { return c.hides.String(text) }

// noLog explains why there is no log.
func (c *Cluster) noLog(namespace, pod, container string, err error) error {
	tried := attempt{"get", "pods/log", namespace, pod}
	switch code := codeOf(err); {
	case code == http.StatusBadRequest: // in words of the kubelet, which may quote a command
		return &algesta.Error{
			Kind: algesta.ErrNotFound, Err: c.logged(tried, err),
			Message: algesta.Say("Container {} of pod {} has no such log.", algesta.Name(container), algesta.Name(pod)),
		}
	case code == http.StatusNotFound:
		return c.explain(attempt{"get", "pods", namespace, pod}, err)
	case code >= http.StatusInternalServerError: // the API server is there; what it asks is the kubelet
		return &algesta.Error{
			Kind: algesta.ErrUnreachable, Err: c.logged(tried, err),
			Message: algesta.Say("The node of pod {} doesn't return its log.", algesta.Name(pod)),
			Hint:    algesta.Say("Ask again in a minute, or look at the node."),
		}
	}
	return c.explain(tried, err)
}

// lastLines reads to the end and keeps the last lines: most of them, and logKeptBytes of them together. cut says that the end was not
// reached. What was read before an error is returned with it.
func lastLines(from io.Reader, most int) (lines []string, cut bool, err error) {
	limited := &io.LimitedReader{R: from, N: logReadBytes}
	in := bufio.NewReaderSize(limited, logLineBytes)
	kept := 0
	for {
		line, err := oneLine(in)
		ended := errors.Is(err, io.EOF)
		cut = ended && limited.N <= 0
		if err == nil || ended && !cut && line != "" { // what was cut in half is left out
			lines, kept = append(lines, line), kept+len(line)
		}
		for len(lines) > most || kept > logKeptBytes {
			kept -= len(lines[0])
			lines = lines[1:]
		}
		switch {
		case ended:
			return lines, cut, nil
		case err != nil:
			return lines, true, fmt.Errorf("reading a log: %w", err)
		}
	}
}

// oneLine is the next line without its end; with an error, what came before it. Of a long line it keeps whole words alone: nobody
// recognises half a secret.
func oneLine(in *bufio.Reader) (string, error) {
	part, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return string(bytes.TrimRight(part, "\r\n")), err
	}
	begin := string(part[:max(0, bytes.LastIndexAny(part, " \t"))])
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return begin + " …", err
}
