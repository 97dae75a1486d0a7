import { useLingui } from '@lingui/react';
import { Link, useNavigate } from 'react-router';
import { Button } from '../../ui/Button';
import { AuthLayout } from './AuthLayout';

export function Welcome({
  host,
  languagePicker,
  invited,
}: {
  host: string;
  languagePicker: React.ReactNode;
  invited: boolean;
}) {
  const { _ } = useLingui();
  const navigate = useNavigate();
  return (
    <AuthLayout
      footer={
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <span>
            {_('auth.server')} <b className="font-medium text-text">{host}</b>
          </span>
          <Link to="/server" className="font-medium text-electric hover:underline">
            {_('auth.serverKnows')}
          </Link>
          <span className="flex-1" />
          {languagePicker}
        </div>
      }
    >
      <h1 className="text-24 tracking-tight md:text-32">{_('auth.promise')}</h1>
      <p className="mt-3 text-17 text-balance text-text-2">{_('auth.promiseDetail')}</p>
      {invited && (
        <p role="status" className="mt-4 rounded-md bg-primary-tint px-4 py-3 text-13 text-primary-text">
          {_('auth.invited')}
        </p>
      )}
      <div className="mt-8 flex flex-col gap-3">
        <Button size="lg" block onClick={() => void navigate('/signup')}>
          {_('auth.createAccount')}
        </Button>
        <Button size="lg" variant="outline" block onClick={() => void navigate('/login')}>
          {_('auth.logIn')}
        </Button>
      </div>
    </AuthLayout>
  );
}
