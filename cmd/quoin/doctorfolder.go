package main

import (
	"path/filepath"
	"time"

	"quoin.dev/quoin"
	"quoin.dev/quoin/cmd/quoin/doctor"
)

// openFolder reads what doctor needs of a node's folder, whatever of it is there. What cannot be read is a
// finding.
func openFolder(dir string) (f *doctor.Folder, bad []doctor.Finding) {
	f = &doctor.Folder{Dir: dir, Now: time.Now}
	need := func(check, path string, read func(path string) error) bool {
		err := doctor.Regular(path)
		if err == nil {
			err = read(path)
		}
		if err != nil {
			x := faultOf(err, true)
			found := x.what
			if why := x.whyText(); why != "" && why != found {
				found += ": " + why
			}
			bad = append(bad, doctor.Finding{Check: check, About: dir, Level: doctor.Problem, Found: found, Mend: x.todo})
		}
		return err == nil
	}
	var settings nodeSettings
	if need("files", filepath.Join(dir, nodeFile), func(path string) error {
		return readJSON(path, nodeBytesMax, &settings, "a folder that `quoin node init` made")
	}) {
		f.Listen, f.API, f.Targets = settings.Listen, settings.API, settings.Observe.Targets
		f.Page = doctor.Page{Address: settings.Dashboard, Certificate: settings.DashboardCertificate, Key: settings.DashboardKey, Hosts: settings.DashboardHosts}
	}
	need("files", filepath.Join(dir, nodeKeyFile), func(path string) error {
		key, err := readKey(path)
		if err == nil {
			f.Key = publicOf(key)
		}
		return err
	})
	common, err := commonDir(dir)
	if err != nil {
		x := faultOf(err, true)
		return f, append(bad, doctor.Finding{Check: "genesis", About: dir, Level: doctor.Problem, Found: x.what, Mend: x.todo})
	}
	need("genesis", filepath.Join(common, anchorFile), func(path string) (err error) {
		f.Genesis, err = readGenesis(path)
		return err
	})
	need("peers", filepath.Join(common, peersFile), func(path string) error {
		var members []member
		if err := readJSON(path, memberBytesMax, &members, "the "+peersFile+" that `quoin genesis` wrote"); err != nil {
			return err
		}
		for _, m := range members {
			key, err := quoin.ParsePublicKey(m.Key)
			if err != nil {
				return err
			}
			f.Peers = append(f.Peers, doctor.Peer{Name: m.Name, Key: key, Address: m.Address})
		}
		return nil
	})
	return f, bad
}
