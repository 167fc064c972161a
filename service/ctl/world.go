package ctl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/world"
)

// WorldPlan says which planet or moon to make.
type WorldPlan struct {
	Kind world.Kind
	// Roots are "IDENTITY=IP/PORT[,IP/PORT…]", IDENTITY as text or file name. For
	// an update none keep those that are.
	Roots []string
	// Out is the file to write; "" is "planet" for a planet and its ID for a moon,
	// and for an update the file that is updated.
	Out string
	// KeyFile holds the signing key. One that does not exist is made for a new
	// world. NextKey holds the key for the next revision, if it is to be another;
	// one that does not exist is made.
	KeyFile, NextKey string
	// ID is the ID of a new world in hex; "" draws one for a planet, and is the
	// address of the first root for a moon.
	ID string
}

// WorldMake makes a new planet or moon. Nothing is overwritten.
func (t *Tool) WorldMake(p WorldPlan) error {
	if len(p.Roots) == 0 {
		return usagef("a %s needs a root: --root IDENTITY=IP/PORT, for example --root identity.public=203.0.113.5/9993", p.Kind)
	}
	roots, err := parseRoots(p.Roots)
	if err != nil {
		return err
	}
	id, err := t.worldID(&p, roots)
	if err != nil {
		return err
	}
	if p.Out == "" {
		p.Out = worldFile(p.Kind, id)
	}
	if _, err := os.Lstat(p.Out); err == nil {
		return failf("%s exists, and is not overwritten: \"orreryctl %s update\" makes the next revision of a %s; --out names another file", p.Out, p.Kind, p.Kind)
	}
	keys, err := t.openKeys(&p, true)
	if err != nil {
		return err
	}
	defer keys.destroy()
	w, err := build(p.Kind, id, clock.Wall(t.Now().UnixMilli()), roots, keys)
	if err != nil {
		return usagef("%s: %w", p.Kind, err)
	}
	return t.finish(&w, p.Out, keys, createFile)
}

// WorldUpdate makes the next revision of a planet or moon, signed by the key
// that the one before names: with other roots, another key for the revision
// after, or only a new time.
func (t *Tool) WorldUpdate(file string, p WorldPlan) error {
	old, err := readWorld(file, p.Kind)
	if err != nil {
		return failf("%s: %w", file, err)
	}
	roots := old.Roots
	if len(p.Roots) > 0 {
		if roots, err = parseRoots(p.Roots); err != nil {
			return err
		}
	}
	keys, err := t.openKeys(&p, false)
	if err != nil {
		return err
	}
	defer keys.destroy()
	if keys.signer.Public != old.UpdateKey {
		return failf("nodes would refuse this revision after the one in %s: that names another key than the one in %s. Name the right one with --key", file, p.KeyFile)
	}
	at := max(clock.Wall(t.Now().UnixMilli()), old.Timestamp+1) // the clock may have been ahead
	w, err := build(p.Kind, old.ID, at, roots, keys)
	if err != nil {
		return usagef("%s: %w", p.Kind, err)
	}
	if err := old.CheckUpdate(&w); err != nil {
		return failf("nodes would refuse this revision after the one in %s: %w", file, err)
	}
	if p.Out != "" && p.Out != file {
		return t.finish(&w, p.Out, keys, createFile)
	}
	return t.finish(&w, file, keys, writeFile)
}

// WorldSign makes a planet or moon from a definition, the JSON that initmoon
// prints, with the key that it holds or that of the key file. A file that is
// there is replaced only by a newer revision that nodes would take after it.
func (t *Tool) WorldSign(file string, p WorldPlan) error {
	b, err := readFile(file, maxKeyFile)
	if err != nil {
		return failf("cannot read %s", file)
	}
	defer clear(b)
	d, err := world.ParseDefinition(b)
	if err != nil {
		return failf("%s: %w", file, err)
	}
	return t.signDefinition(d, file, p)
}

func (t *Tool) signDefinition(d *world.Definition, file string, p WorldPlan) error {
	if _, err := strconv.ParseUint(d.ID, 16, 64); err != nil {
		return failf("ID in %s is invalid", file)
	}
	if d.WorldType != world.Planet.String() && d.WorldType != world.Moon.String() {
		return failf("invalid worldType")
	}
	if p.Kind != world.Null && d.WorldType != p.Kind.String() {
		return failf("%s defines a %s, not a %s", file, d.WorldType, p.Kind)
	}
	key, err := d.Key()
	if p.KeyFile != "" {
		key, err = readKey(p.KeyFile)
	} else if d.SigningKeySecret == "" {
		return usagef("%s holds no signing key: name the file that does with --key", file)
	}
	if err != nil {
		return failf("%s: %w", file, err)
	}
	keys := &signingKeys{signer: key, next: key.Public}
	defer keys.destroy()
	w, err := d.Signed(clock.Wall(t.Now().UnixMilli()), key)
	if err != nil {
		return failf("%s: %w", file, err)
	}
	if p.Out == "" {
		p.Out = w.FileName() // of planets too (spec 06 §8)
	}
	write := createFile
	if old, err := readWorld(p.Out, w.Kind); err == nil {
		if err := old.CheckUpdate(&w); err != nil {
			return failf("%s exists, and nodes would refuse this one after it: %w. Move it away, or name another file with --out", p.Out, err)
		}
		write = writeFile
	} else if !errors.Is(err, os.ErrNotExist) {
		return failf("%s exists, and is not a %s that this could be the next revision of. Move it away, or name another file with --out", p.Out, w.Kind)
	}
	return t.finish(&w, p.Out, keys, write)
}

// worldFile is the usual name of a world's file.
func worldFile(kind world.Kind, id uint64) string {
	if kind == world.Planet {
		return "planet"
	}
	return (&world.World{ID: id}).FileName()
}

func build(kind world.Kind, id uint64, at clock.Wall, roots []world.Root, k *signingKeys) (world.World, error) {
	if kind == world.Moon {
		return world.NewMoon(id, at, roots, k.next, k.signer)
	}
	return world.NewPlanet(id, at, roots, k.next, k.signer)
}

// finish writes new keys and then the world: a world whose key is lost has no
// next revision.
func (t *Tool) finish(w *world.World, out string, keys *signingKeys, write func(string, []byte, os.FileMode) error) error {
	for _, r := range w.Roots { // slow, and so the last check
		if !r.Identity.Validate() {
			return usagef("the address of root %s does not follow from its key", r.Identity)
		}
	}
	for _, f := range keys.made {
		if err := createFile(f.path, f.content, 0o600); err != nil {
			return failf("signing key: %w", err)
		}
		t.printf("wrote %s (signing key: keep it, only it can sign the next revision)\n", f.path)
	}
	if err := write(out, w.AppendBinary(nil), 0o644); err != nil {
		return failf("%s: %w", w.Kind, err)
	}
	t.printf("wrote %s (%s %x, timestamp %d, %d root(s))\n", out, w.Kind, w.ID, w.Timestamp, len(w.Roots))
	if !w.SelfSigned() {
		t.printf("The key changes with this revision. Nodes that have the one before take it by themselves; others need\n"+
			"the key that signed it: --key %x\n", keys.signer.Public[:])
	}
	if w.Kind == world.Moon {
		t.printf("Put it into moons.d of its roots' home directories, or \"orreryctl moon use %s\" there. Others ask for it:\n  orreryctl orbit %016x %s\n",
			filepath.Base(out), w.ID, w.Roots[0].Identity.Address)
	}
	return nil
}

// worldID parses the ID asked for, or finds one: for a planet one of 40 bits,
// because with more some tools would lose digits.
func (t *Tool) worldID(p *WorldPlan, roots []world.Root) (uint64, error) {
	if p.ID == "" && p.Kind == world.Moon {
		return uint64(roots[0].Identity.Address), nil
	}
	if p.ID == "" {
		var b [identity.AddressLen]byte
		for {
			t.Random(b[:])
			id := uint64(identity.AddressFrom(b[:]))
			if id != 0 && id != world.Earth && id != world.Mars {
				return id, nil
			}
		}
	}
	id, err := strconv.ParseUint(p.ID, 16, 64)
	if err != nil || id == 0 {
		return 0, usagef("--id %s: want a hex number of at most 16 digits, not 0", clipArg(p.ID))
	}
	if p.Kind == world.Planet && (id == world.Earth || id == world.Mars) {
		return 0, usagef("--id %s is that of a public planet: nodes would replace yours by it", p.ID)
	}
	if p.Kind == world.Moon && id>>40 != 0 {
		return 0, usagef("--id %s: the reference can only ask for moons of 10 hex digits", clipArg(p.ID))
	}
	return id, nil
}

// signingKeys are the key that signs a revision and the one that it names for
// the next.
type signingKeys struct {
	signer *world.SigningKey
	next   identity.PublicKey
	made   []madeKey
}

// madeKey is a key file to be written.
type madeKey struct {
	path    string
	content []byte
}

func (k *signingKeys) destroy() {
	k.signer.Destroy()
	for _, m := range k.made {
		clear(m.content)
	}
}

// openKeys reads the keys of a plan. fresh makes a signing key if there is none.
func (t *Tool) openKeys(p *WorldPlan, fresh bool) (*signingKeys, error) {
	k := new(signingKeys)
	made := func(path string) *world.SigningKey {
		key := world.GenerateSigningKey(t.Random)
		k.made = append(k.made, madeKey{path, key.AppendBinary(nil)})
		return key
	}
	var err error
	k.signer, err = readKey(p.KeyFile)
	switch {
	case errors.Is(err, os.ErrNotExist) && fresh:
		k.signer = made(p.KeyFile)
	case errors.Is(err, os.ErrNotExist):
		return nil, failf("%s: the next revision of a %s must be signed by the key of the one before; name it with --key", p.KeyFile, p.Kind)
	case err != nil:
		return nil, failf("%s: %w", p.KeyFile, err)
	}
	k.next = k.signer.Public
	if p.NextKey == "" {
		return k, nil
	}
	next, err := readKey(p.NextKey)
	switch {
	case errors.Is(err, os.ErrNotExist):
		next = made(p.NextKey)
	case err != nil:
		k.destroy()
		return nil, failf("%s: %w", p.NextKey, err)
	}
	k.next = next.Public
	next.Destroy()
	return k, nil
}

// readKey reads a signing key from a file.
func readKey(path string) (*world.SigningKey, error) {
	b, err := readFile(path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return parseKeyFile(b)
}

// readWorld reads a planet's or moon's file; of any kind if that is Null.
func readWorld(path string, kind world.Kind) (*world.World, error) {
	b, err := readFile(path, world.MaxLen)
	if err != nil {
		return nil, err
	}
	w, _, err := world.Parse(b)
	if err != nil {
		return nil, err
	}
	if w.Kind != world.Planet && w.Kind != world.Moon || kind != world.Null && w.Kind != kind {
		return nil, fmt.Errorf("%w: it is of kind %s", world.ErrFormat, w.Kind)
	}
	return &w, nil
}

// MoonInit prints the definition of a moon with one root, or writes it to a new
// file, for the operator to fill in its endpoints. It holds the signing key.
func (t *Tool) MoonInit(root, out string) error {
	g, err := readIdentity(root)
	if err != nil {
		return failf("%s is not a valid identity", g.label)
	}
	key := world.GenerateSigningKey(t.Random)
	defer key.Destroy()
	text, err := world.NewDefinition(g.id, key).Text()
	if err != nil {
		return failf("initmoon: %w", err)
	}
	text = append(text, '\n')
	defer clear(text)
	if out == "" {
		t.printf("%s", text)
		return nil
	}
	if err := createFile(out, text, 0o600); err != nil {
		return failf("%w", err)
	}
	t.printf("wrote %s (it holds the signing key: keep it). Fill in stableEndpoints, then \"orreryctl genmoon %s\"\n", out, out)
	return nil
}

// GenMoon makes a moon, or planet, from a definition, named by its ID in the
// current directory, as the reference's tool does.
func (t *Tool) GenMoon(file string) error {
	quiet := *t
	quiet.Out = discard{}
	at := t.Now()
	quiet.Now = func() time.Time { return at }
	b, err := readFile(file, maxKeyFile)
	if err != nil {
		return failf("cannot read %s", file)
	}
	defer clear(b)
	d, err := world.ParseDefinition(b)
	if err != nil {
		return failf("%s: %w", file, err)
	}
	if err := quiet.signDefinition(d, file, WorldPlan{}); err != nil {
		return err
	}
	id, _ := strconv.ParseUint(d.ID, 16, 64) // it was read before
	t.printf("wrote %s (signed world with timestamp %d)\n", (&world.World{ID: id}).FileName(), at.UnixMilli())
	return nil
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
