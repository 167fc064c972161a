package wire

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// AppointmentKind is the type of the USER_MESSAGE that carries an
// [Appointment]: "ORRERY" and 1. Nodes of other kinds ignore it.
const AppointmentKind = 0x4f52524552590001

// AppointmentLen is the least length of an appointment in bytes.
const AppointmentLen = 24

const appointmentVersion = 1

// ErrAppointment is returned for an appointment of another version, or with a
// field out of range; it is to be ignored.
var ErrAppointment = errors.New("not an appointment that is understood")

// AppointmentStep says what an appointment is about.
type AppointmentStep uint8

// The steps.
const (
	// AppointmentPropose asks the other to try a direct way together, now.
	AppointmentPropose AppointmentStep = iota + 1
	// AppointmentAccept answers that it has begun.
	AppointmentAccept
	// AppointmentRefuse answers that it will not, for the reason given.
	AppointmentRefuse
)

// AppointmentReason says why an appointment was refused.
type AppointmentReason uint8

// The reasons.
const (
	// ReasonNone: not refused.
	ReasonNone AppointmentReason = iota
	// ReasonBusy: another try is running.
	ReasonBusy
	// ReasonWait: the last try was not long ago.
	ReasonWait
	// ReasonOff: this node makes no tries, to save traffic.
	ReasonOff
	// ReasonHopeless: both sides are behind NATs that take random ports.
	ReasonHopeless
	// ReasonUnknown: no root has told where the other is.
	ReasonUnknown
)

// Appointment is how two Orrery nodes that talk through a relay agree to find
// a direct way through their NATs at the same time. It travels as the data of
// a USER_MESSAGE. Layout, big-endian:
//
//	0   1  version, 1
//	1   1  step
//	2   1  kind of NAT: 0 unknown, 1 none, 2 easy, 3 hard, 4 sequential
//	3   1  reason, 0 unless refused
//	4   8  nonce of the proposal
//	12  4  IPv4 address at which others see the sender, 0 if unknown
//	16  2  port there of the socket that is used
//	18  2  external port that is expected next, 0 if it cannot be predicted
//	20  2  distance of one expected port and the next, signed
//	22  2  sockets that the sender can open at once
//
// What follows is ignored.
type Appointment struct {
	Step    AppointmentStep
	NAT     uint8
	Reason  AppointmentReason
	Nonce   uint64
	Surface netip.AddrPort
	Next    uint16
	Stride  int16
	Sockets uint16
}

// maxAppointmentNAT is the highest kind of NAT that is known.
const maxAppointmentNAT = 4

// Append appends the appointment. A surface that is not of IPv4 is written as
// unknown.
func (a Appointment) Append(b []byte) []byte {
	var ip [4]byte
	port := uint16(0)
	if a.Surface.Addr().Is4() {
		ip, port = a.Surface.Addr().As4(), a.Surface.Port()
	}
	b = append(b, appointmentVersion, byte(a.Step), a.NAT, byte(a.Reason))
	b = binary.BigEndian.AppendUint64(b, a.Nonce)
	b = append(b, ip[:]...)
	b = binary.BigEndian.AppendUint16(b, port)
	b = binary.BigEndian.AppendUint16(b, a.Next)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Stride))
	return binary.BigEndian.AppendUint16(b, a.Sockets)
}

// ParseAppointment reads an appointment: ErrTruncated or ErrAppointment if it
// is none. An unknown surface is the zero AddrPort.
func ParseAppointment(b []byte) (Appointment, error) {
	if len(b) < AppointmentLen {
		return Appointment{}, ErrTruncated
	}
	a := Appointment{
		Step: AppointmentStep(b[1]), NAT: b[2], Reason: AppointmentReason(b[3]), Nonce: binary.BigEndian.Uint64(b[4:]),
		Next: binary.BigEndian.Uint16(b[18:]), Stride: int16(binary.BigEndian.Uint16(b[20:])), Sockets: binary.BigEndian.Uint16(b[22:]),
	}
	if b[0] != appointmentVersion || a.Step < AppointmentPropose || a.Step > AppointmentRefuse || a.NAT > maxAppointmentNAT ||
		a.Reason > ReasonUnknown || (a.Reason != ReasonNone) != (a.Step == AppointmentRefuse) {
		return Appointment{}, ErrAppointment
	}
	ip, port := netip.AddrFrom4([4]byte(b[12:16])), binary.BigEndian.Uint16(b[16:])
	if port != 0 && !ip.IsUnspecified() {
		a.Surface = netip.AddrPortFrom(ip, port)
	}
	return a, nil
}
