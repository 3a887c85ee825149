package groups

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// burrowConfig makes Burrow read the offsets topic, which it decodes by itself, and ask for ends every second.
const burrowConfig = `
[general]
pidfile = "%[1]s/burrow.pid"
[zookeeper]
servers = ["%[4]s"]
[logging]
filename = "%[1]s/burrow.log"
level = "warn"
[client-profile.node]
client-id = "burrow"
kafka-version = "2.0.0"
[cluster.node]
class-name = "kafka"
servers = ["%[2]s"]
client-profile = "node"
topic-refresh = 10
offset-refresh = 1
[consumer.node]
class-name = "kafka"
cluster = "node"
servers = ["%[2]s"]
client-profile = "node"
[httpserver.default]
address = "%[3]s"
[storage.default]
class-name = "inmemory"
min-distance = 0
`

// BurrowLag runs Burrow, and a ZooKeeper because Burrow insists on one, and compares the lag that it finds. It
// asks until all is there, for as long as patience goes: Burrow reads the offsets topic at its own pace. java
// is the command of a Java with ZooKeeper on its class path.
func BurrowLag(program string, java []string, bootstrap string, want []Lag) error {
	dir, err := os.MkdirTemp("", "burrow-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	address, err := freeAddress()
	if err != nil {
		return err
	}
	keeper, err := freeAddress()
	if err != nil {
		return err
	}
	servers := strings.ReplaceAll(bootstrap, ",", `", "`)
	config := fmt.Sprintf(burrowConfig, dir, servers, address, keeper)
	if err := os.WriteFile(filepath.Join(dir, "burrow.toml"), []byte(config), 0o644); err != nil {
		return err
	}
	_, port, _ := strings.Cut(keeper, ":")
	words := append(slices.Clone(java[1:]), "org.apache.zookeeper.server.ZooKeeperServerMain", port, filepath.Join(dir, "keeper"))
	for _, command := range []*exec.Cmd{exec.Command(java[0], words...), exec.Command(program, "--config-dir", dir)} {
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := command.Start(); err != nil {
			return err
		}
		defer func() {
			_ = command.Process.Kill() // nothing of it is kept
			_ = command.Wait()         // with the signal as its error
		}()
		if err := serving(keeper); err != nil { // Burrow gives up at the first refusal
			return err
		}
	}
	if err := askBurrow(address, want); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "burrow.log")) // for the person who reads the error
		return fmt.Errorf("%w\n%s", err, log[:min(len(log), 2000)])
	}
	return nil
}

// freeAddress returns an address that was free a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// serving returns when a ZooKeeper says that it serves; it takes connections before it does.
func serving(keeper string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		said, err := askKeeper(keeper)
		if strings.Contains(said, "Mode: standalone") {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("ZooKeeper says %q: %w", said, errors.Join(err, ctx.Err()))
		}
	}
}

func askKeeper(address string) (string, error) {
	socket, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return "", err
	}
	defer socket.Close()
	if err := socket.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	if _, err := socket.Write([]byte("srvr")); err != nil {
		return "", err
	}
	said, err := io.ReadAll(socket)
	return string(said), err
}

// askBurrow looks until Burrow says what it should.
func askBurrow(address string, want []Lag) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	for {
		err := burrowAgrees(ctx, address, want)
		if err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return err
		}
	}
}

// burrowStatus is the part of Burrow's answer that is compared.
type burrowStatus struct {
	Status struct {
		Partitions []struct {
			Topic     string
			Partition int32
			End       struct{ Offset int64 }
			Lag       int64 `json:"current_lag"`
		}
	}
}

func burrowAgrees(ctx context.Context, address string, want []Lag) error {
	said := make(map[string]bool)
	asked := make(map[string]bool)
	for _, lag := range want {
		if asked[lag.Group] {
			continue
		}
		asked[lag.Group] = true
		status, err := askBurrowFor(ctx, address, lag.Group)
		if err != nil {
			return err
		}
		for _, p := range status.Status.Partitions {
			said[Lag{lag.Group, p.Topic, p.Partition, p.End.Offset, p.End.Offset + p.Lag}.String()] = true
		}
	}
	return missing(want, func(lag Lag) bool { return said[lag.String()] })
}

func askBurrowFor(ctx context.Context, address, group string) (burrowStatus, error) {
	var status burrowStatus
	url := fmt.Sprintf("http://%s/v3/kafka/node/consumer/%s/lag", address, group)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return status, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return status, err
	}
	defer response.Body.Close()
	return status, json.NewDecoder(response.Body).Decode(&status)
}
