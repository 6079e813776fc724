package hostile
import ("testing"; "fmt"; "quoin.dev/quoin/hook"; . "quoin.dev/quoin/plugin/wasmtest")
func TestDbg(t *testing.T){
 b:=newBench(t)
 r:=leaderRequest(200, []byte{9,0,0,0})
 x,_:=r.Append(nil); fmt.Printf("%x %d\n", x[:80], len(x))
 for _, body := range [][]byte{
  join(read(), answer(join(I32Const(0), I32Load(0)))),
  join(read(), answer(join(I32Const(0), I32Load(8)))),
  join(read(), answer(join(I32Const(0), I32Load(12)))),
  join(read(), answer(join(I32Const(0), I32Load(56)))),
  answer(join(I32Const(0), I32Const(60000), Call(leaderInput),I32Const(100), Op(0x6e))),
 } {
 f:=leader("dbg","x",0,body)
 tb,bd:=b.load(t,&f)
 for i:=range tb { g,err:=tb[i].Lead(bd,r); fmt.Println(g.Fault,g.Proposer,err) }
 }
 _ = hook.FaultNone
}
