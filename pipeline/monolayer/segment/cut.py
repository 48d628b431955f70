"""proto split"""
import numpy as np
from monolayer_kernels.split import bisect
from monolayer_kernels.runs import *
from monolayer_kernels.runs import label_runs

def quality(mask):
    r,c=label_runs(mask); s=sum_runs(r,c,int(mask.max())); return shape_scores(s), s

def axes(ys,xs):
    y=ys-ys.mean(); x=xs-xs.mean()
    cyy,cxx,cxy=(y*y).mean(),(x*x).mean(),(x*y).mean()
    t=.5*np.arctan2(2*cxy,cxx-cyy)
    return np.array([np.sin(t),np.cos(t)]), np.sqrt(np.maximum(0,.5*(cyy+cxx+np.hypot(cyy-cxx,2*cxy))))

def tidy(mask2):
    """parts 1/2: each to its largest 4-connected component; strays to the other."""
    for which in (1,2):
        lev=(mask2==which).astype(np.uint8)
        r=find_runs(lev,1)
        c,n=connect_runs(r)
        if n>1:
            s=sum_runs(r,c,n); big=int(np.argmax(s[:,AREA]))
            for (y,a,b,_),k in zip(r,c):
                if k!=big: mask2[y,a:b]=3-which
    return mask2

def candidates(mask, cimg):
    ys,xs=[v.astype(np.int32) for v in np.nonzero(mask)]
    u,sd=axes(ys,xs); w=np.array([-u[1],u[0]])
    my,mx=ys.mean(),xs.mean()
    starts=[]
    for ang,off in ((0,0),(0,.6),(0,-.6),(np.pi/4,0),(np.pi/2,0),(3*np.pi/4,0)):
        v=np.cos(ang)*u+np.sin(ang)*w
        starts.append((v[0],v[1],v[0]*my+v[1]*mx+off*sd))
    seen=set(); best=None
    for uy,ux,o in starts:
        side=np.zeros(len(ys),np.uint8)
        if not bisect(ys,xs,uy,ux,o,12,side): continue
        key=min(side.tobytes(),(1-side).tobytes())
        if key in seen: continue
        seen.add(key)
        m2=np.zeros(mask.shape,np.int32); m2[ys,xs]=side+1
        m2=tidy(m2)
        if m2.max()<2 or not (m2==1).any(): continue
        q,s=quality(m2)
        a=s[:,AREA]; 
        if a.min()<8: continue
        val=(q*a).sum()/a.sum()
        if best is None or val>best[0]: best=(val,m2,q,s)
    if best is None: return None
    val,m2,q,s=best
    # cut pixels
    cut=np.zeros(mask.shape,bool)
    A=m2==1; B=m2==2
    for dy,dx in ((0,1),(1,0)):
        a=m2[:m2.shape[0]-dy,:m2.shape[1]-dx]; b=m2[dy:,dx:]
        e=(a*b==2); cut[:m2.shape[0]-dy,:m2.shape[1]-dx]|=e; cut[dy:,dx:]|=e
    ncut=int(cut.sum())
    # neck: number of chords ~ length: half the drop of crofton
    def croft(r): return np.pi/4*(r[CHORDS_HORIZONTAL]+r[CHORDS_VERTICAL]+(r[CHORDS_DIAGONAL]+r[CHORDS_ANTIDIAGONAL])*.5**.5)
    qp,sp=quality((mask>0).astype(np.int32))
    neck=(croft(s[0])+croft(s[1])-croft(sp[0]))/2
    def minor(r):
        n=r[AREA]; y,x=r[SUM_Y]/n,r[SUM_X]/n
        yy=r[SUM_YY]/n-y*y+1/12; xx=r[SUM_XX]/n-x*x+1/12; xy=r[SUM_XY]/n-x*y
        return 4*np.sqrt(max(.5*(yy+xx-np.hypot(yy-xx,2*xy)),.05))
    mi=[minor(r) for r in s]
    mA,mB=np.median(cimg[A]),np.median(cimg[B])
    dip=cimg[cut].mean()/min(mA,mB) if ncut else 1.
    return dict(m2=m2,q=q,a=s[:,AREA],val=val,qp=float(qp[0]),neck=neck/min(mi),dip=dip,ratio=max(mA,mB)/max(min(mA,mB),1e-9))
