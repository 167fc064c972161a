package netmon

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// never is when the timer would expire by itself, in seconds since 1970: past
// the year 2200, and little enough for the kernel.
const never = 9_000_000_000

// watchPower has the clocks compared whenever the calendar clock is set, which
// the kernel does after a suspend: a timer on that clock is cancelled then.
func watchPower(ctx context.Context, compare func(), _ func(Notice)) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "timerfd")
	stop := context.AfterFunc(ctx, func() { _ = f.Close() })
	defer func() {
		if stop() {
			_ = f.Close() // watching has failed, that error counts
		}
	}()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var buf [8]byte
	for {
		var armed error
		err := raw.Control(func(fd uintptr) {
			armed = unix.TimerfdSettime(int(fd), unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &unix.ItimerSpec{Value: unix.Timespec{Sec: never}}, nil)
		})
		if err = errors.Join(err, armed); err != nil && !errors.Is(err, unix.ECANCELED) {
			return fmt.Errorf("set a timer: %w", err)
		}
		if err == nil {
			if _, err = f.Read(buf[:]); err == nil {
				return errors.New("the calendar is past the year 2200")
			}
			if !errors.Is(err, unix.ECANCELED) {
				return fmt.Errorf("wait for a timer: %w", err)
			}
		}
		compare()
	}
}
