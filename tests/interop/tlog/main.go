// Command tlogcheck reads a log's folder with the Go project's own implementation (golang.org/x/mod/sumdb) and exits 0
// only if that implementation believes it.
//
//	tlogcheck FOLDER VKEY [OLDER-CHECKPOINT] [PROOF...]
//
// It opens the signed checkpoint, reads hashes through tlog.TileHashReader (which checks every tile against the
// checkpoint's root), compares every entry with its leaf hash, proves and checks some fifty of them, checks that the log
// extends an older checkpoint ("-" for none), and each tlog-proof file against the entry at the index that it names.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder is a tlog.TileReader. Go's paths name the height; those of C2SP's tlog-tiles do not, and call data "entries".
type folder string

func (f folder) Height() int                                { return 8 }
func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (f folder) read(t tlog.Tile) ([]byte, error) {
	path := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
	return os.ReadFile(filepath.Join(string(f), strings.Replace(path, "/data/", "/entries/", 1)))
}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, t := range tiles {
		raw, err := f.read(t)
		if err != nil {
			return nil, err
		}
		out = append(out, raw)
	}
	return out, nil
}

// entries reads every bundle of a tree of n entries.
func (f folder) entries(n int64) [][]byte {
	var out [][]byte
	for first := int64(0); first < n; first += 256 {
		width := n - first
		if width > 256 {
			width = 256
		}
		raw, err := f.read(tlog.Tile{H: 8, L: -1, N: first / 256, W: int(width)})
		must(err)
		for i := int64(0); i < width; i++ {
			length := int(binary.BigEndian.Uint16(raw))
			out = append(out, raw[2:2+length])
			raw = raw[2+length:]
		}
		demand(len(raw) == 0, "bytes after the last entry of a bundle")
	}
	return out
}

func open(raw []byte, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	must(err)
	opened, err := note.Open(raw, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	demand(len(lines) == 4 && lines[0] == verifier.Name(), "the checkpoint is not origin, size and root")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

// checkProof reads a C2SP tlog-proof and believes nothing in it but what its checkpoint's root confirms.
func checkProof(raw []byte, vkey string, entries [][]byte) {
	head, checkpoint, ok := bytes.Cut(raw, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	demand(ok && len(lines) >= 2 && lines[0] == "c2sp.org/tlog-proof@v1", "not a tlog-proof")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	must(err)
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		raw, err := base64.StdEncoding.DecodeString(line)
		must(err)
		var hash tlog.Hash
		demand(copy(hash[:], raw) == len(raw) && len(raw) == tlog.HashSize, "not a hash")
		path = append(path, hash)
	}
	tree := open(checkpoint, vkey)
	must(tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entries[index])))
}

func main() {
	demand(len(os.Args) >= 3, "tlogcheck FOLDER VKEY [OLDER-CHECKPOINT] [PROOF...]")
	dir, vkey := folder(os.Args[1]), os.Args[2]
	tree := open(read(filepath.Join(string(dir), "checkpoint")), vkey)
	hashes := tlog.TileHashReader(tree, dir)
	root, err := tlog.TreeHash(tree.N, hashes)
	must(err)
	demand(root == tree.Hash, "the tiles have another root")
	entries := dir.entries(tree.N)
	var leaves []int64
	for index := range entries {
		leaves = append(leaves, tlog.StoredHashIndex(0, int64(index)))
	}
	stored, err := hashes.ReadHashes(leaves)
	must(err)
	for index, entry := range entries {
		demand(stored[index] == tlog.RecordHash(entry), fmt.Sprintf("entry %d is not the logged one", index))
	}
	for index := int64(0); index < tree.N; index += 1 + tree.N/50 {
		path, err := tlog.ProveRecord(tree.N, index, hashes)
		must(err)
		must(tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entries[index])))
	}
	if len(os.Args) > 3 && os.Args[3] != "-" {
		older := open(read(os.Args[3]), vkey)
		path, err := tlog.ProveTree(tree.N, older.N, hashes)
		must(err)
		must(tlog.CheckTree(path, tree.N, tree.Hash, older.N, older.Hash))
	}
	for _, name := range os.Args[min(4, len(os.Args)):] {
		checkProof(read(name), vkey, entries)
	}
	fmt.Printf("%d entries, root %v\n", tree.N, tree.Hash)
}

func read(name string) []byte {
	raw, err := os.ReadFile(name)
	must(err)
	return raw
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func must(err error) {
	if err != nil {
		demand(false, err.Error())
	}
}

func demand(holds bool, otherwise string) {
	if !holds {
		fmt.Fprintln(os.Stderr, otherwise)
		os.Exit(1)
	}
}
