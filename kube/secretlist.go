package kube

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// secretTable asks the API server for what kubectl prints. It has to be a table: a server that doesn't know tables would send the Secrets.
const secretTable = "application/json;as=Table;v=v1;g=meta.k8s.io"

// ListSecrets lists the Secrets of a namespace as the API server prints them for kubectl: name, type, number of keys and age. What they
// hold, their annotations (which may repeat it) and their labels are not sent to the bot. It takes the right to list Secrets, and reads
// 5,000 at most. A namespace that was not chosen (Config.SecretNamespaces) is ErrForbidden without a request.
func (c *Cluster) ListSecrets(ctx context.Context, namespace string) (*metav1.Table, error) {
	if !slices.Contains(c.secretNamespaces, namespace) {
		return nil, errNotRead
	}
	all := &metav1.Table{}
	next := ""
	for asked := 0; asked < mostObjects; asked += onePage {
		page, err := c.secretPage(ctx, namespace, next)
		if err != nil {
			return nil, err
		}
		all.ColumnDefinitions = page.ColumnDefinitions
		all.Rows = append(all.Rows, page.Rows...)
		if next = page.Continue; next == "" {
			return all, nil
		}
	}
	return nil, &algesta.Error{
		Kind: algesta.ErrUnreachable, Err: errManyObjects,
		Message: algesta.Say("There are more than {} Secrets, so I didn't check all of them.", strconv.Itoa(mostObjects)),
	}
}

func (c *Cluster) secretPage(ctx context.Context, namespace, next string) (*metav1.Table, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	req := c.lists.Get().AbsPath("/api/v1").Namespace(namespace).Resource("secrets").SetHeader("Accept", secretTable).
		Param("limit", strconv.Itoa(onePage)).Param("includeObject", string(metav1.IncludeNone))
	if next != "" {
		req = req.Param("continue", next)
	}
	raw, err := req.Do(ctx).Raw()
	defer clear(raw)
	if err != nil {
		return nil, c.explain(attempt{verb: "list", resource: "secrets", namespace: namespace}, err)
	}
	page := &metav1.Table{}
	if json.Unmarshal(raw, page) != nil || page.Kind != "Table" {
		return nil, errUnreadable
	}
	for i := range page.Rows {
		page.Rows[i].Object.Raw = nil
	}
	return page, nil
}
