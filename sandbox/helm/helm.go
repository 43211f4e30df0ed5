// Package helm renders a chart as `helm template` does, and applies the result as `helm install` would: for tests, with Helm as a library.
// It knows nothing of the bot.
package helm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"
)

// Rendered is what a chart makes of its values.
type Rendered struct {
	Objects []*unstructured.Unstructured // in the order in which Helm installs them, as far as it matters here
	Notes   string
}

// Render makes the objects of the chart in a folder, with values as a values file says them. They are held to the chart's schema.
func Render(ctx context.Context, folder, release, namespace string, values []byte) (Rendered, error) {
	chart, err := loader.Load(folder)
	if err != nil {
		return Rendered{}, fmt.Errorf("loading the chart: %w", err)
	}
	given := map[string]any{}
	if err := yaml.Unmarshal(values, &given); err != nil {
		return Rendered{}, fmt.Errorf("reading the values: %w", err)
	}
	options := common.ReleaseOptions{Name: release, Namespace: namespace, IsInstall: true, Revision: 1}
	all, err := util.ToRenderValues(chart, given, options, nil)
	if err != nil {
		return Rendered{}, err
	}
	files, err := engine.Engine{Strict: true}.RenderWithContext(ctx, chart, all)
	if err != nil {
		return Rendered{}, fmt.Errorf("rendering the chart: %w", err)
	}
	var out Rendered
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, "NOTES.txt") {
			out.Notes = files[name]
			continue
		}
		objects, err := decode(files[name])
		if err != nil {
			return Rendered{}, fmt.Errorf("reading %s: %w\n%s", name, err, files[name])
		}
		out.Objects = append(out.Objects, objects...)
	}
	return out, nil
}

// decode reads YAML of several documents.
func decode(text string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil { // a key that is there twice, too
			return nil, err
		}
		if len(object.Object) > 0 {
			out = append(out, object)
		}
	}
}

// Lint holds the chart to Helm's own linter, and returns what that says, from warnings on.
func Lint(folder, namespace string, values []byte) ([]string, error) {
	given := map[string]any{}
	if err := yaml.Unmarshal(values, &given); err != nil {
		return nil, fmt.Errorf("reading the values: %w", err)
	}
	var out []string
	for _, m := range lint.RunAll(folder, given, namespace).Messages {
		if m.Severity > 1 {
			out = append(out, m.Error())
		}
	}
	return out, nil
}

// Apply stores the objects in a cluster, as an administrator, and returns how to take those away that are in no namespace. Objects whose
// kind the cluster doesn't know are an error.
func Apply(ctx context.Context, cfg *rest.Config, objects []*unstructured.Unstructured) (remove func(context.Context) error, err error) {
	asking, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	client, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	kinds, err := restmapper.GetAPIGroupResources(asking)
	if err != nil {
		return nil, fmt.Errorf("asking for the kinds: %w", err)
	}
	mapper := restmapper.NewDiscoveryRESTMapper(kinds)
	var removals []func(context.Context) error
	remove = func(ctx context.Context) error {
		var errs []error
		for _, r := range removals {
			if err := r(ctx); err != nil && !apierrors.IsNotFound(err) {
				errs = append(errs, err)
			}
		}
		return errors.Join(errs...)
	}
	for _, o := range objects {
		kind := o.GroupVersionKind()
		mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
		if err != nil {
			return remove, fmt.Errorf("looking up %s: %w", kind, err)
		}
		to := client.Resource(mapping.Resource).Namespace(o.GetNamespace())
		if mapping.Scope.Name() == meta.RESTScopeNameRoot {
			name := o.GetName()
			of := client.Resource(mapping.Resource)
			removals = append(removals, func(ctx context.Context) error { return of.Delete(ctx, name, metav1.DeleteOptions{}) })
		}
		options := metav1.ApplyOptions{FieldManager: "helm", Force: true}
		if _, err := to.Apply(ctx, o.GetName(), o, options); err != nil {
			return remove, fmt.Errorf("applying %s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return remove, nil
}
