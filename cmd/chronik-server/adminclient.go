package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/chronik-go/chronik/actors/admin"
	"github.com/chronik-go/chronik/actors/config"
)

// Bounds of one call. A change waits on the other side for up to 20 s.
const (
	askTime     = 5 * time.Second
	changeTime  = 30 * time.Second
	answerBytes = 16 << 20
)

// adminClient asks the HTTP listener of one node.
type adminClient struct {
	node int32
	base string // "http://127.0.0.1:10001"
	key  string
	http *http.Client
}

// newAdminClient takes address and key from the node's own configuration.
func newAdminClient(settings config.Config) (*adminClient, error) {
	address, err := dialable(settings.Bind.Metrics)
	if err != nil {
		return nil, err
	}
	return &adminClient{
		node: settings.NodeID, base: "http://" + address, key: settings.Admin.APIKey,
		// No proxy: the environment's is meant for the world, and this is a node of ours.
		http: &http.Client{Transport: &http.Transport{}},
	}, nil
}

// dialable turns the address that the node listens on into one to connect to from this machine.
func dialable(bound string) (string, error) {
	if bound == "" {
		return "", errors.New("bind.metrics is off in this configuration, so the node takes no commands")
	}
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return "", err
	}
	if port == "0" {
		return "", errors.New("bind.metrics has port 0 in this configuration; only the node's log knows its port")
	}
	if address, err := netip.ParseAddr(host); err == nil && address.IsUnspecified() {
		host = "127.0.0.1"
		if address.Is6() {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), nil
}

// status asks for the state of the node and its cluster.
func (a *adminClient) status(ctx context.Context) (admin.Status, error) {
	var status admin.Status
	code, body, err := a.call(ctx, askTime, http.MethodGet, "/admin/status", nil)
	if err != nil {
		return status, err
	}
	if code != http.StatusOK {
		return status, fmt.Errorf("node %d at %s: %s", a.node, a.base, refusal(code, body))
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return status, fmt.Errorf("what answers at %s is no node of this version: %w", a.base, err)
	}
	return status, nil
}

// change asks for a change. The error says why it is not possible.
func (a *adminClient) change(ctx context.Context, name string, request any) (admin.Changed, error) {
	var changed admin.Changed
	code, body, err := a.call(ctx, changeTime, http.MethodPost, "/admin/"+name, request)
	switch {
	case err != nil:
		return changed, err
	case code != http.StatusOK && code != http.StatusAccepted:
		return changed, errors.New(refusal(code, body))
	}
	if err := json.Unmarshal(body, &changed); err != nil {
		return changed, fmt.Errorf("what answers at %s is no node of this version: %w", a.base, err)
	}
	return changed, nil
}

func (a *adminClient) call(
	ctx context.Context, within time.Duration, method, path string, content any,
) (code int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var text []byte
	if content != nil {
		if text, err = json.Marshal(content); err != nil {
			panic("BUG: request: " + err.Error())
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if a.key != "" {
		request.Header.Set(admin.APIKeyHeader, a.key)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("node %d does not answer; is it running? %w", a.node, err)
	}
	defer func() { _ = response.Body.Close() }() // it was read, or the call failed
	body, err = io.ReadAll(io.LimitReader(response.Body, answerBytes))
	if err != nil {
		return 0, nil, fmt.Errorf("node %d broke off its answer: %w", a.node, err)
	}
	return response.StatusCode, body, nil
}

// refusal is what the node says about a call that it did not take.
func refusal(code int, body []byte) string {
	var changed admin.Changed
	if json.Unmarshal(body, &changed) == nil && changed.Message != "" {
		return changed.Message
	}
	if text := strings.TrimSpace(string(body)); text != "" && len(text) < 1000 && code != http.StatusNotFound {
		return text
	}
	return fmt.Sprintf("HTTP status %d: %s", code, http.StatusText(code))
}
