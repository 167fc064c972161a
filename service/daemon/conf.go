package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"orrery/service/ipc"
	"orrery/service/store"
	"orrery/service/udp"
)

// confEvery is how often local.conf is looked at.
const confEvery = 2 * time.Second

// localConf is local.conf as it is in force.
type localConf struct {
	now atomic.Pointer[store.LocalConf]
	// problem says why the file on disk is not in force, "" if it is.
	problem atomic.Pointer[string]
	start   *store.LocalConf // as it was when the service started

	mu    sync.Mutex // held while the file is read or written
	stamp fileStamp  // of the file that was read last
}

// fileStamp tells one content of a file from the next without reading it.
type fileStamp struct {
	exists  bool
	size    int64
	changed time.Time
	id      os.FileInfo
}

func (c *localConf) init() {
	empty := ""
	c.problem.Store(&empty)
}

// get is the configuration in force. It must not be changed.
func (c *localConf) get() *store.LocalConf { return c.now.Load() }

// begin takes what was loaded at the start.
func (c *localConf) begin(d *Daemon, conf *store.LocalConf) {
	c.start = conf
	c.now.Store(conf)
	c.stamp = stampOf(d.home.LocalConfPath())
	d.warn(conf)
}

func stampOf(path string) fileStamp {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{exists: !errors.Is(err, fs.ErrNotExist)}
	}
	return fileStamp{exists: true, size: info.Size(), changed: info.ModTime(), id: info}
}

func (s fileStamp) same(o fileStamp) bool {
	if s.exists != o.exists || s.size != o.size || !s.changed.Equal(o.changed) {
		return false
	}
	return s.id == nil && o.id == nil || s.id != nil && o.id != nil && os.SameFile(s.id, o.id)
}

// watchConf notices when somebody edits local.conf.
func (d *Daemon) watchConf(ctx context.Context) {
	t := time.NewTicker(confEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			d.conf.mu.Lock()
			d.reload()
			d.conf.mu.Unlock()
		}
	}
}

// reload reads local.conf if it has changed. One that cannot be used changes
// nothing, and is left to whoever is editing it. The caller holds conf.mu.
func (d *Daemon) reload() {
	c := &d.conf
	stamp := stampOf(d.home.LocalConfPath())
	if stamp.same(c.stamp) {
		return
	}
	// Taken before reading: a change in between is met at the next look.
	c.stamp = stamp
	next, err := d.home.ReloadLocalConf()
	if err != nil {
		text := err.Error()
		if *c.problem.Swap(&text) != text {
			d.log.Warn("local.conf cannot be used; the configuration before stays in force", "err", err)
		}
		d.alerts.set(reloadAlert(err))
		d.server.Changed()
		return
	}
	d.take(next)
}

// take puts a configuration into force, as far as that is possible while
// running. The caller holds conf.mu.
func (d *Daemon) take(next *store.LocalConf) {
	empty := ""
	d.conf.problem.Store(&empty)
	d.alerts.clear(alertReload)
	d.alerts.clear(alertFile + filepath.Base(d.home.LocalConfPath()))
	old := d.conf.now.Swap(next)
	if string(old.JSON()) == string(next.JSON()) {
		d.server.Changed()
		return
	}
	d.log.Info("local.conf has changed")
	d.warn(next)
	d.movePort(old.Settings.PrimaryPort, next.Settings.PrimaryPort)
	d.physical()
	d.ways()
	d.local()
	signal(d.again) // routes depend on how sockets are bound
	d.compat.notice()
	d.server.Changed()
}

// movePort follows a change of settings.primaryPort, unless the command line
// has chosen the port.
func (d *Daemon) movePort(old, next int) {
	if old == next || d.cfg.Port >= 0 {
		return
	}
	port := next
	if port < 0 {
		port = DefaultPort
	}
	err := error(nil)
	if port == 0 {
		port, err = udp.FreePort()
	}
	if err == nil {
		err = d.ports.setPrimary(port)
	}
	if err != nil {
		d.log.Warn("the primary port stays as it is", "port", port, "err", err)
		d.alerts.set(portStaysAlert(port, d.ports.get().Primary, err))
		return
	}
	d.alerts.clear(alertPortStays)
	d.alerts.clear(alertOtherPort)
	if err := d.home.SavePort(uint16(port)); err != nil {
		d.log.Warn("write the port file", "err", err)
	}
}

// warn tells what of the configuration is not in force.
func (d *Daemon) warn(conf *store.LocalConf) {
	d.alerts.clear(alertWarnings)
	d.alerts.clear(alertRestart)
	warnings := append([]string(nil), conf.Warnings...)
	for _, name := range unsupported(conf) {
		warnings = append(warnings, name+": this version does not follow it")
	}
	if len(warnings) > 0 {
		d.log.Warn("parts of local.conf are not in force", "warnings", strings.Join(warnings, "; "))
		d.alerts.set(warningsAlert(warnings))
	}
	start := &d.conf.start.Settings
	if conf.Settings.ControllerDBPath != start.ControllerDBPath {
		d.alerts.set(restartAlert())
	}
}

// unsupported names what a configuration asks for that is not there yet: it is
// better told than ignored.
func unsupported(c *store.LocalConf) (names []string) {
	add := func(is bool, name string) {
		if is {
			names = append(names, name)
		}
	}
	s := &c.Settings
	add(s.DefaultBondingPolicy != "", "settings.defaultBondingPolicy")
	add(len(s.PeerSpecificBonds) > 0, "settings.peerSpecificBonds")
	return names
}

// PutSettings implements api.Backend.
func (d *Daemon) PutSettings(_ context.Context, settings map[string]json.RawMessage) error {
	c := &d.conf
	c.mu.Lock()
	defer c.mu.Unlock()
	d.reload() // what somebody wrote by hand must not be lost
	if text := *c.problem.Load(); text != "" {
		return &ipc.Error{
			Code: ipc.CodeConflict, Message: "local.conf was changed by hand and cannot be read: " + text,
			Advice: "Repair or remove the file first; nothing was changed",
		}
	}
	next, err := c.get().With(settings)
	var bad *store.SettingError
	if errors.As(err, &bad) {
		return &ipc.Error{Code: ipc.CodeBadRequest, Message: bad.Reason, Advice: "Nothing was changed"}
	}
	if err != nil {
		return err
	}
	if err := d.home.SaveLocalConf(next); err != nil {
		d.log.Error("write local.conf", "err", err)
		return &ipc.Error{
			Code: ipc.CodeInternal, Message: fmt.Sprintf("local.conf could not be written: %v", err),
			Advice: "Make room or repair the permissions of " + d.home.Path() + "; nothing was changed",
		}
	}
	c.stamp = stampOf(d.home.LocalConfPath())
	d.take(next)
	return nil
}
