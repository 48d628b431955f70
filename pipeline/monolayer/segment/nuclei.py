"""proto"""
import math
from dataclasses import dataclass, field
import numpy as np
from monolayer_kernels.background import estimate_background, estimate_noise, subtract_background
from monolayer_kernels.flood import fill_holes, grow_labels, label_boxes
from monolayer_kernels.runs import AREA, shape_scores, sum_runs, label_runs
from monolayer_kernels.smooth import bin_mean, gaussian, gaussian_weights
from monolayer_kernels.tree import branch_prominence, build_tree, choose_nodes, paint_nodes
from monolayer_kernels.split import propose_cut
from monolayer.segment.settings import SegmentSettings

P = dict(sig=.04, win=5., nlev=24, s0=3., qmid=.90, qw=.05, prior=1.0, dbin=14., area_exp=.3, floor=.12, qmin=.6, h=8., hrel=.1, split=0., peak=1, snr=8., cons=2.2, iters=2, dpow=1.)

def sigmoid(z):
    return .5*(1+z/np.sqrt(1+z*z))

def grey_step(im):
    d=np.abs(np.diff(im[:256].astype(np.float32),axis=1)); d=d[d>0]
    return float(d.min()) if d.size else 0.

def levels_of(snr, n, s0, dtype=np.uint8, full=False):
    hi=float(snr.max())
    if hi<=s0: return (np.zeros(snr.shape,dtype),np.zeros(1)) if full else np.zeros(snr.shape,dtype)
    th=np.expm1(np.linspace(math.log1p(s0), math.log1p(hi), n+1))[:-1].round(4).astype(np.float32)
    out=np.searchsorted(th,snr.ravel(),side='right').astype(dtype).reshape(snr.shape)
    return (out,np.r_[0,th].astype(float)) if full else out

def prepare(image, d, step):
    """contrast (background subtracted, smoothed) and noise of smoothed."""
    sig=P['sig']*d
    sm=gaussian(image,sig)
    grid,block=estimate_background(sm,P['win']*d)
    c=subtract_background(sm,grid,block)
    med=np.median(c)
    raw=estimate_noise(image,c<=med)
    w=gaussian_weights(sig); gain=float(w[0]**2+2*(w[1:]**2).sum())
    noise=max(raw*gain, step*.29)
    if noise<=0: return c,0.
    if P['peak']:
        z,sd=peak(c,noise)
        c=c-np.float32(z); noise=max(noise,sd)
    return c,noise

def peak(c,noise):
    w=noise/2
    lo=float(c.min()); v=c[c<lo+100*noise]
    h=np.bincount(((v-np.float32(lo))/np.float32(w)).astype(np.int64),minlength=5)
    k=np.convolve(h,[1,1,1,1,1],'same'); m=int(np.argmax(k))
    z=lo+(m+.5)*w
    d=v[v<z]-z
    return z, float(np.sqrt(np.mean(d.astype(float)**2))) if d.size else 0.

def nodes_peak(parent,pk):
    from monolayer_kernels.tree import _peak
    _peak(parent,pk)

def detect(c, noise, d, B=0.):
    lev,th=levels_of(c/np.float32(noise),P['nlev'],max(P['s0'],P['floor']*B/noise),full=True)
    t=build_tree(lev)
    q=shape_scores(t.sums)
    prom=branch_prominence(t,th)
    # peak of node: recompute
    pk=th[t.level].copy(); nodes_peak(t.parent,pk)
    a=t.sums[:,AREA].astype(float)
    s=sigmoid((q-P['qmid'])/P['qw'])
    v=s*a**P['area_exp']
    if d is not None:
        A=math.pi/4*d*d
        v*=np.where(a<.03*A,0,1)
        if P['prior']:
            z=np.log2(a/A)
            v*=1/(1+(z/P['prior'])**2)
    else:
        v[a<16]=0
    v[(prom<P['h'])|(prom<P['hrel']*pk)]=0
    nodes=np.flatnonzero(choose_nodes(t.parent,v))
    return lev,t,q,s,nodes

def find_diameter(image, step):
    best=(-1,None)
    tot=[]
    for f in (1,2,4,8):
        im=bin_mean(image,f)
        if min(im.shape)<16: break
        c,noise=prepare(im,16.,step/f)
        if noise<=0: return best,tot
        lev,t,q,s,nodes=detect(c,noise,None)
        if not len(nodes): tot.append((f,0)); continue
        lab=paint_nodes(lev,t,nodes)
        flux=np.bincount(lab.ravel(),weights=c.ravel(),minlength=len(nodes)+1)[1:]
        expl=(flux*s[nodes]).sum()*f*f
        dia=2*np.sqrt(t.sums[nodes,AREA]/np.pi)*f
        w=flux*s[nodes]
        o=np.argsort(dia,kind='stable'); cw=np.cumsum(w[o]); dm=dia[o][np.searchsorted(cw,cw[-1]/2)]
        br=flux/t.sums[nodes,AREA]; o=np.argsort(br,kind='stable'); cw=np.cumsum(w[o]); B=br[o][np.searchsorted(cw,cw[-1]/2)]
        tot.append((f,expl,dm,B))
        fit=max(dm/(16*f),16*f/dm)
        expl=expl if fit<=P['cons'] else expl*1e-3/fit
        if expl>best[0]: best=(expl,dm,f,B)
    return best,tot

def segment(pixels, d=None, settings=SegmentSettings(), debug=None):
    image=np.ascontiguousarray(pixels,dtype=np.float32)
    step=grey_step(image)
    if d is None:
        best,tot=find_diameter(image,step)
        if best[1] is None: return np.zeros(image.shape,np.int32)
        _,d,_,B=best
        if debug is not None: debug['d0']=best[1]
        for it in range(P['iters']):
            lab=segment2(image,step,d,B,settings)
            n=lab.max()
            if n==0: return lab
            a=np.bincount(lab.ravel())[1:]
            dd=np.sort(2*np.sqrt(a/np.pi)); cw=np.cumsum(dd**P['dpow']); d=float(dd[np.searchsorted(cw,cw[-1]/2)])
    else:
        best,tot=find_diameter(image,step); B=best[3] if best[1] else 0
    return segment2(image,step,d,B,settings,debug)

def split_all(lab,n,qf,area,d):
    A=math.pi/4*d*d
    boxes=label_boxes(lab,n)
    todo=[(i+1,tuple(boxes[i])) for i in np.flatnonzero((qf<.96)&(area>.6*A))]
    while todo:
        k,(y0,x0,y1,x1)=todo.pop()
        win=lab[y0:y1,x0:x1]
        c=propose_cut(win==k)
        if c is None: continue
        z=-5.2-18*(c.whole_score-.9)+37*(c.parts_score-.94)-2.4*(min(c.neck,2.5)-1.2)-3*math.log2(max(c.smaller_area/A,.1))+5*math.log2(min(max(c.area/A,.5),4))
        if z>P['split']:
            n+=1; win[c.parts==2]=n
            todo+= [(k,(y0,x0,y1,x1)),(n,(y0,x0,y1,x1))]
    return lab,n

def segment2(image,step,d,B,settings,debug=None):
    b=1
    while d/(2*b)>=P['dbin']/2: b*=2
    small=bin_mean(image,b)
    c,noise=prepare(small,d/b,step/b)
    lev,t,q,s,nodes=detect(c,noise,d/b,B)
    if debug is not None: debug.update(d=d,b=b,noise=noise,lev=lev,t=t,q=q,nodes=nodes)
    if not len(nodes): return np.zeros(image.shape,np.int32)
    seeds=paint_nodes(lev,t,nodes)
    if b>1:
        seeds=np.ascontiguousarray(np.repeat(np.repeat(seeds,b,0),b,1)[:image.shape[0],:image.shape[1]])
        cf,nf=prepare(image,d,step)
    else: cf=c
    n=len(nodes)
    cnt=np.bincount(seeds.ravel(),minlength=n+1)[1:]
    mean=np.bincount(seeds.ravel(),weights=cf.ravel(),minlength=n+1)[1:]/np.maximum(cnt,1)
    thr=(settings.contour_level*mean).astype(np.float32)
    steps=levels_of(cf/np.float32(noise),200,.5)
    lab=grow_labels(seeds,cf,steps,thr)
    boxes=label_boxes(lab,n); fill_holes(lab,boxes)
    r,comp=label_runs(lab)
    sums=sum_runs(r,comp,n); area=sums[:,AREA]; qf=np.nan_to_num(shape_scores(np.maximum(sums,0)))
    lab,n=split_all(lab,n,qf,area,d)
    r,comp=label_runs(lab); sums=sum_runs(r,comp,n); area=sums[:,AREA]; qf=shape_scores(sums)
    mean=np.bincount(lab.ravel(),weights=cf.ravel(),minlength=n+1)[1:]/np.maximum(area,1)
    keep=(qf>P['qmin'])&(mean>P['snr']*noise)&(area>=settings.min_relative_area*math.pi/4*d*d)
    if debug is not None:
        from monolayer_kernels.edges import edge_steps
        A=math.pi/4*d*d
        st=edge_steps(lab,cf,n,max(1,round(P.get('reach',.08)*d)))/np.maximum(mean,1e-9)
        med=np.median(mean[keep]) if keep.any() else 1
        debug['feat']=np.stack([qf,area/A,st,mean/med,mean/noise],1)[keep]
    lut=np.zeros(n+1,np.int32); lut[1:][keep]=np.arange(1,keep.sum()+1)
    return lut[lab]


@dataclass(frozen=True, slots=True)
class Segmentation:
    labels: np.ndarray
    scores: np.ndarray
    diameter_px: float | None
    figures: dict = field(default_factory=dict)


def segment_nuclei(pixels, settings=SegmentSettings(), pixel_size_um=None):
    """First working version; being replaced."""
    d = None
    if settings.expected_diameter_um is not None and pixel_size_um:
        d = settings.expected_diameter_um / pixel_size_um
    lab = segment(np.asarray(pixels), d, settings)
    u, first = np.unique(lab, return_index=True)
    first = first[u > 0]; u = u[u > 0]
    lut = np.zeros(int(u.max()) + 1 if len(u) else 1, np.int32)
    lut[u[np.argsort(first, kind="stable")]] = np.arange(1, len(u) + 1)
    out = lut[lab]
    a = np.bincount(out.ravel())[1:]
    dia = float(np.median(2 * np.sqrt(a / np.pi))) if len(a) else None
    return Segmentation(out, np.ones(len(a)), dia, {"diameter_px": dia})
