package dns

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// bus is the system's message bus. It is connected when needed, and anew when
// the connection was lost.
type bus struct {
	// address is the bus's, empty for the system's.
	address string
	// watched are the names whose coming and going is a notice.
	watched []string
	news    chan struct{}

	mu      sync.Mutex // guards what follows; held while connecting
	conn    *dbus.Conn
	closed  bool
	readers sync.WaitGroup
}

func newBus(watched ...string) *bus {
	return &bus{watched: watched, news: make(chan struct{}, 1)}
}

// connect returns the connection.
func (b *bus) connect() (*dbus.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, dbus.ErrClosed
	}
	if b.conn != nil && b.conn.Connected() {
		return b.conn, nil
	}
	// The context is the connection's: ending it breaks off what hangs.
	ctx, cancel := context.WithCancel(context.Background())
	late := time.AfterFunc(callLimit, cancel)
	var conn *dbus.Conn
	var err error
	if b.address == "" {
		conn, err = dbus.ConnectSystemBus(dbus.WithContext(ctx))
	} else {
		conn, err = dbus.Connect(b.address, dbus.WithContext(ctx))
	}
	if err == nil {
		err = b.watch(ctx, conn)
	}
	if !late.Stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel()
		if conn != nil {
			_ = conn.Close()
		}
		return nil, err
	}
	b.conn = conn
	signals := make(chan *dbus.Signal, 16)
	conn.Signal(signals)
	b.readers.Go(func() {
		defer cancel()
		for range signals { // until the connection is closed
			signal(b.news)
		}
		signal(b.news)
	})
	return conn, nil
}

// watch asks for notices.
func (b *bus) watch(ctx context.Context, conn *dbus.Conn) error {
	for _, name := range b.watched {
		err := conn.AddMatchSignalContext(ctx, dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchInterface("org.freedesktop.DBus"),
			dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name))
		if err != nil {
			return err
		}
	}
	// Somebody has set the servers of an interface, or of all.
	return conn.AddMatchSignalContext(ctx, dbus.WithMatchSender(resolvedName), dbus.WithMatchObjectPath(resolvedPath),
		dbus.WithMatchInterface("org.freedesktop.DBus.Properties"), dbus.WithMatchMember("PropertiesChanged"))
}

// call calls a method, for callLimit at most.
func (b *bus) call(ctx context.Context, dest string, path dbus.ObjectPath, method string, args ...any) ([]any, error) {
	conn, err := b.connect()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	c := conn.Object(dest, path).CallWithContext(ctx, method, 0, args...)
	return c.Body, c.Err
}

// get reads a property.
func (b *bus) get(ctx context.Context, dest string, path dbus.ObjectPath, iface, property string) (dbus.Variant, error) {
	body, err := b.call(ctx, dest, path, "org.freedesktop.DBus.Properties.Get", iface, property)
	if err != nil {
		return dbus.Variant{}, err
	}
	if len(body) == 1 {
		if v, ok := body[0].(dbus.Variant); ok {
			return v, nil
		}
	}
	return dbus.Variant{}, errors.New("the answer has another form than documented")
}

// getAll reads all properties of an interface.
func (b *bus) getAll(ctx context.Context, dest string, path dbus.ObjectPath, iface string) (map[string]dbus.Variant, error) {
	body, err := b.call(ctx, dest, path, "org.freedesktop.DBus.Properties.GetAll", iface)
	if err != nil {
		return nil, err
	}
	if len(body) == 1 {
		if v, ok := body[0].(map[string]dbus.Variant); ok {
			return v, nil
		}
	}
	return nil, errors.New("the answer has another form than documented")
}

// owned reports whether somebody has a name on the bus.
func (b *bus) owned(ctx context.Context, name string) bool {
	body, err := b.call(ctx, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.NameHasOwner", name)
	if err != nil || len(body) != 1 {
		return false
	}
	has, _ := body[0].(bool)
	return has
}

// close ends the connection.
func (b *bus) close() {
	b.mu.Lock()
	b.closed = true
	if b.conn != nil {
		_ = b.conn.Close() // its reader ends with it
	}
	b.mu.Unlock()
	b.readers.Wait()
}

// absent reports whether an error says that a service is not there.
func absent(err error) bool {
	return named(err, "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner")
}

// named reports whether an error is one of these of D-Bus.
func named(err error, names ...string) bool {
	var e dbus.Error
	return errors.As(err, &e) && slices.Contains(names, e.Name)
}
