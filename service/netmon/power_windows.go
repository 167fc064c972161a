package netmon

import (
	"context"
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	// deviceNotifyCallback is DEVICE_NOTIFY_CALLBACK.
	deviceNotifyCallback = 2
	// resumeAutomatic and resumeSuspend are PBT_APMRESUMEAUTOMATIC, which comes
	// after every sleep, and PBT_APMRESUMESUSPEND, which follows if a user woke
	// the machine.
	resumeAutomatic = 18
	resumeSuspend   = 7
)

var (
	powrprof   = windows.NewLazySystemDLL("powrprof.dll")
	register   = powrprof.NewProc("PowerRegisterSuspendResumeNotification")
	unregister = powrprof.NewProc("PowerUnregisterSuspendResumeNotification")
)

// subscription is DEVICE_NOTIFY_SUBSCRIBE_PARAMETERS.
type subscription struct {
	callback uintptr
	context  uintptr
}

// woken has a token when the machine has woken up. The system allows a process
// few callbacks, none of which it gives back, so there is one.
var (
	woken   = make(chan struct{}, 1)
	onPower = sync.OnceValue(func() uintptr {
		return windows.NewCallback(func(_ uintptr, what uint32, _ uintptr) uintptr {
			if what == resumeAutomatic || what == resumeSuspend {
				select {
				case woken <- struct{}{}:
				default:
				}
			}
			return 0
		})
	})
)

// watchPower reports when the machine wakes up.
func watchPower(ctx context.Context, _ func(), changed func(Notice)) error {
	if err := register.Find(); err != nil {
		return err
	}
	s := &subscription{callback: onPower()}
	var handle uintptr
	if code, _, _ := register.Call(deviceNotifyCallback, uintptr(unsafe.Pointer(s)), uintptr(unsafe.Pointer(&handle))); code != 0 {
		return fmt.Errorf("be told of wake-ups: %w", windows.Errno(code))
	}
	for {
		select {
		case <-ctx.Done():
			_, _, _ = unregister.Call(handle) // fails only if it is not registered
			return nil
		case <-woken:
			changed(Notice{Slept: true})
		}
	}
}
